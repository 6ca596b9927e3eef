/**
 * CiliumEnvoyConfig and CiliumClusterwideEnvoyConfig: resources in Envoy's own words, checked against Envoy's descriptors,
 * with names that keep each object to itself. The agent calls `translateEnvoyConfig`, `sluice translate -o cec` the way back.
 * Never serves anything that another object owns, and never throws for what a user wrote.
 */
export { decodeResource } from './encode.ts';
export { ownedResources } from './owned-resources.ts';
export type { Redirect } from './placed.ts';
export { defaultPortRange, type PortRange } from './ports.ts';
export { publishedLabel } from './published.ts';
export { toCiliumEnvoyConfig } from './to-envoy-config.ts';
export { type EnvoyConfigOptions, type EnvoyConfigOutputs, translateEnvoyConfig } from './translate.ts';
