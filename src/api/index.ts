/**
 * Typed objects and their strict parsers. Sources call `parseObject`; everyone reads the types. Nothing in here does I/O,
 * throws for user input, or knows Envoy.
 */
export type * from './any-object.ts';
export type * from './cilium.ts';
export type * from './cilium-node.ts';
export { endpointStates } from './cilium-node.ts';
export type * from './cilium-policy.ts';
export { entityNames } from './cilium-policy.ts';
export type * from './core.ts';
export type * from './diagnostic.ts';
export type * from './gateway.ts';
export { GATEWAY_GROUP } from './gateway.ts';
export { type Kind, kinds } from './kinds.ts';
export type * from './load-balancer.ts';
export type * from './network-policy.ts';
export type * from './networking.ts';
export * from './object.ts';
export { type ParsedItem, type ParseOptions, type ParseResult, parseObject, parseObjects } from './parse.ts';
export { type ParsedRules, parsePolicyRules } from './parse-policy-rules.ts';
export { SOURCED_KEY } from './parsers/endpoint-selector.ts';
export type * from './route.ts';
export type * from './route-filter.ts';
export { parsePath } from './schema/context.ts';
export * from './selector.ts';
