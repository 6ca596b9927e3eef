import { GATEWAY_GROUP } from '../gateway.ts';
import {
  type Context,
  check,
  DNS_LABEL,
  DNS_SUBDOMAIN,
  defaulted,
  GROUP,
  integer,
  KIND,
  map,
  object,
  optional,
  required,
  string,
} from '../schema/index.ts';

/* References of the Gateway API, and the small schemas that they share. */

export const port = integer(1, 65535);
export const objectName = string({ min: 1, max: 253 });
export const sectionName = string({ min: 1, max: 253, format: DNS_SUBDOMAIN });
export const namespaceName = string({ min: 1, max: 63, format: DNS_LABEL });
export const group = string({ max: 253, format: GROUP });
export const kind = string({ min: 1, max: 63, format: KIND });

const EXPERIMENTAL_GROUP = 'gateway.networking.x-k8s.io';

/** A reference to an XListenerSet is one to a ListenerSet: its objects are read as that. */
export function normalised<T extends { readonly group: string; readonly kind: string }>(reference: T): T {
  return reference.group === EXPERIMENTAL_GROUP && reference.kind === 'XListenerSet'
    ? { ...reference, group: GATEWAY_GROUP, kind: 'ListenerSet' }
    : reference;
}

export const parentReference = map(
  object({
    group: defaulted(group, GATEWAY_GROUP),
    kind: defaulted(kind, 'Gateway'),
    namespace: optional(namespaceName),
    name: required(objectName),
    sectionName: optional(sectionName),
    port: optional(port),
  }),
  normalised,
);

/** `LocalObjectReference` */
export const localReference = object({ group: required(group), kind: required(kind), name: required(objectName) });

/** `ObjectReference` of GatewayClass parameters and of CA certificates. */
export const namespacedReference = object({
  group: required(group),
  kind: required(kind),
  namespace: optional(namespaceName),
  name: required(objectName),
});

/** Kind Secret by default. */
export const secretReference = object({
  group: defaulted(group, ''),
  kind: defaulted(kind, 'Secret'),
  namespace: optional(namespaceName),
  name: required(objectName),
});

const backendFields = {
  group: defaulted(group, ''),
  kind: defaulted(kind, 'Service'),
  namespace: optional(namespaceName),
  name: required(objectName),
  port: optional(port),
} as const;

/** `BackendObjectReference` */
export const backendObjectReference = check(object(backendFields), checkBackendPort);

export const weightedBackendFields = { ...backendFields, weight: defaulted(integer(0, 1_000_000), 1) } as const;

export function checkBackendPort(
  reference: { readonly group: string; readonly kind: string; readonly port?: number },
  context: Context,
): void {
  if (reference.group === '' && reference.kind === 'Service' && reference.port === undefined)
    context.error('MissingField', 'is missing', 'a reference to a Service needs its port', ['port']);
  if (reference.group === EXPERIMENTAL_GROUP && reference.kind === 'XBackend' && reference.port !== undefined)
    context.error('InvalidValue', 'must not be set', 'an XBackend names its port itself', ['port']);
}
