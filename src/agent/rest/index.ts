/**
 * The node's REST API under `/v1`, as the Cilium agent has it (its OpenAPI description at 1.12), for tools that were made for it and for
 * `sluice endpoint|identity|ip|policy|node|map`. It reads a DatapathView, which the node fills, and puts it into the API's words; it
 * decides nothing and keeps nothing but the clients' places in the list of nodes.
 */
export type { NodeEndpoint, NodeHealth, NodeMapState, NodePrefix, NodeSources } from './fill/node-sources.ts';
export { nodeView } from './fill/node-view.ts';
export { createRest } from './rest.ts';
export type { RestListener } from './router.ts';
export { serveRest } from './serve-rest.ts';
export type { DatapathView } from './view/datapath-view.ts';
export type * from './view/endpoint-changes.ts';
export * from './view/endpoint-view.ts';
export * from './view/node-view.ts';
export * from './view/policy-view.ts';
export * from './view/state-view.ts';
