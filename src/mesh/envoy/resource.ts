import type { ObjectRef } from '../../api/object.ts';

/** The xDS resource types that we serve, by the names used in flags, metrics and tables. */
export const resourceTypes = {
  listeners: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  'scoped-routes': 'type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration',
  routes: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  clusters: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoints: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  secrets: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
  extensions: 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
} as const;

export type ResourceType = keyof typeof resourceTypes;

/** A part of a resource that can be left out or kept at an older form without touching its siblings (a virtual host in a table). */
export interface Fragment {
  readonly key: string;
  /** Encoded as it stands inside the parent message, tag and length included: a resource is the concatenation of its fragments. */
  readonly bytes: Uint8Array;
  readonly origins: readonly ObjectRef[];
}

/** One Envoy resource, encoded once and shared by every stream. */
export interface Resource {
  readonly type: ResourceType;
  readonly name: string;
  /** The encoded message itself (not an Any). With fragments: `head` followed by every fragment's bytes. */
  readonly body: Uint8Array;
  /** Hash of `body`: survives our restart, so a reconnecting Envoy is sent only what differs. */
  readonly version: string;
  /** The objects whose owners hear of it when Envoy rejects this resource. */
  readonly origins: readonly ObjectRef[];
  /** Present on resources made of independent parts, so that one part that Envoy refuses does not hold up the others. */
  readonly fragments?: readonly Fragment[];
  /** The bytes before the fragments. */
  readonly head?: Uint8Array;
}

/** Envoy refused a resource (or a fragment of one): re-enters the store as a source event and becomes its origins' status. */
export interface Rejection {
  readonly type: ResourceType;
  readonly name: string;
  /** The fragment's key, where narrowed down to one. */
  readonly fragment?: string;
  readonly version: string;
  /** Envoy's own message. */
  readonly message: string;
  readonly origins: readonly ObjectRef[];
}
