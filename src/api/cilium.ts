/** `cilium.io/v2`: Envoy configuration by the user's own hand. */
import type { LabelSelector } from './core.ts';
import type { KubeObject } from './object.ts';

/** Plain JSON, as written. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Traffic to this Service's address goes to a listener of the same object. */
export interface ServiceListener {
  readonly name: string;
  /** As written; for a CiliumEnvoyConfig its own namespace where unset, for a clusterwide one `default`. */
  readonly namespace: string;
  /** Name of a listener among `resources`; the first one where absent. */
  readonly listener?: string;
  /** Service ports to redirect; empty means all. */
  readonly ports: readonly number[];
}

/** Endpoints of this Service become clusters' endpoints by the name `namespace/name` or `namespace/name:port`. */
export interface BackendService {
  readonly name: string;
  readonly namespace: string;
  /** Port numbers or names, as strings; empty means all ports under `namespace/name`. */
  readonly number: readonly string[];
}

export interface CiliumEnvoyConfigSpec {
  readonly services: readonly ServiceListener[];
  readonly backendServices: readonly BackendService[];
  /** Envoy v3 resources, each with its `@type`, unchecked beyond that. */
  readonly resources: readonly JsonObject[];
  readonly nodeSelector?: LabelSelector;
}

export interface CiliumEnvoyConfig extends KubeObject {
  readonly kind: 'CiliumEnvoyConfig';
  readonly spec: CiliumEnvoyConfigSpec;
}

export interface CiliumClusterwideEnvoyConfig extends KubeObject {
  readonly kind: 'CiliumClusterwideEnvoyConfig';
  readonly spec: CiliumEnvoyConfigSpec;
}
