import type { Diagnostic, ObjectRef } from '../../api/index.ts';
import type { Resource } from '../envoy/resource.ts';
import type { Bind } from '../model/index.ts';
import type { JsonRecord } from './protojson.ts';
import type { SecretNeed } from './references.ts';

/** A checked Listener that still needs its place. */
export interface ListenerDraft {
  readonly name: string;
  /** Index in `spec.resources`. */
  readonly index: number;
  readonly message: JsonRecord;
  /** Where it wants to listen; `auto`: wherever there is room; empty: nowhere that could clash (a pipe, an internal listener). */
  readonly binds: 'auto' | readonly Bind[];
  readonly transport: Bind['transport'];
}

/** A cluster whose endpoints come by EDS; without a Service it has none. */
export interface EndpointNeed {
  readonly cluster: string;
  /** `namespace/name` */
  readonly service: string | undefined;
  /** Numbers and names of its ports; empty: all. */
  readonly ports: readonly string[];
  readonly origin: ObjectRef;
  /** Where it was asked for. */
  readonly field: string;
}

/** A Service to be redirected to a listener. */
export interface RedirectDraft {
  readonly service: string;
  readonly ports: readonly number[];
  /** Qualified. */
  readonly listener: string;
  /** Index in `spec.services`. */
  readonly index: number;
}

/** All that one object alone decides. */
export interface Compiled {
  readonly ref: ObjectRef;
  readonly key: string;
  readonly created: number;
  readonly listeners: readonly ListenerDraft[];
  /** All but listeners and endpoints of Services. */
  readonly resources: readonly Resource[];
  readonly endpoints: readonly EndpointNeed[];
  /** Clusters to make for Services that the object lists and that only its routes name. */
  readonly serviceClusters: readonly EndpointNeed[];
  readonly secrets: readonly SecretNeed[];
  readonly redirects: readonly RedirectDraft[];
  /** `[path, namespace/name]` of every Service that the object lists. */
  readonly listed: readonly (readonly [field: string, service: string])[];
  readonly admin: boolean;
  readonly diagnostics: readonly Diagnostic[];
}
