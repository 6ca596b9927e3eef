/**
 * xDS: owns what is sent to Envoy, in which order, and what Envoy says to it. The agent fills a {@link ResourceCache} and
 * serves it; refusals come back through `onRejection`. It never builds a resource, and holds no Kubernetes object.
 */
export { type CacheBatch, type CacheChanges, ResourceCache } from './cache.ts';
export type { RejectionCallbacks } from './ledger.ts';
export { serveXds, type XdsOptions, type XdsServer } from './server.ts';
export type { StreamStatus, TypeStatus } from './status.ts';
export type { XdsLog } from './stream-context.ts';
