/**
 * What the datapath tells of packets, in people's words: records of its ring buffer are decoded, numbers get their names (labels, pods, rules,
 * devices), and readers get what they ask for. The agent feeds it; `sluice monitor` reads it through the REST API. It changes nothing.
 */

export { type AggregatedFlow, FlowAggregator } from './aggregate.ts';
export { decodeFlow } from './decode-flow.ts';
export { type DropReasonText, dropReason, dropReasons } from './drop-reasons.ts';
export * from './flow.ts';
export type { AddressOwner, FlowContext } from './flow-context.ts';
export { type FlowFilter, type FlowFilterSpec, flowFilter, flowFilterKeys, verdicts } from './flow-filter.ts';
export { FlowHub, type HubCounters } from './flow-hub.ts';
export { fileNames, protocolName } from './names.ts';
export { parsePartyFilter, partyForms } from './party-filter.ts';
