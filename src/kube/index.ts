/**
 * The way to a Kubernetes API server: who we are, requests, watches, paths. It knows no kind's fields and keeps no objects;
 * sources, the operator and the command line are built on it.
 */

export { Backoff } from './backoff.ts';
export { type KubeClient, type KubeOptions, type KubeRequest, openKube, type WatchRequest } from './client.ts';
export type { RawMeta, RawObject, WatchEvent } from './event-stream.ts';
export { KubeFault } from './kube-fault.ts';
export { type PersistOptions, persist, Reachability } from './persist.ts';
export {
  type Follower,
  Reflector,
  type ReflectorEnd,
  type ReflectorOptions,
  type ReflectorState,
  type ReflectorStats,
} from './reflector.ts';
export { isCustom, type PathOptions, pathOf, type Resource, resourceOf, resources } from './resources.ts';
