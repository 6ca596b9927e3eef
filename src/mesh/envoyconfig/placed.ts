import type { Diagnostic, ObjectRef, Service } from '../../api/index.ts';
import { Context } from '../../api/schema/index.ts';
import type { Collection, Fetch } from '../../store/index.ts';
import { certificateOf, serviceBackend, trustOf } from '../backend/index.ts';
import type { Resource } from '../envoy/resource.ts';
import type { Tables } from '../inputs.ts';
import type { Backend, Bind, SecretUse } from '../model/index.ts';
import type { Compiled, EndpointNeed, ListenerDraft } from './compiled.ts';
import { encodeResource } from './encode.ts';
import { portsOf } from './endpoints.ts';
import { withAddress } from './listener-address.ts';
import type { Place } from './ports.ts';

/** Traffic to a Service that belongs to a listener: for the datapath. */
export interface Redirect {
  /** `namespace/name` */
  readonly service: string;
  /** Service ports; empty: all. */
  readonly ports: readonly number[];
  /** The Listener's name in Envoy. */
  readonly listener: string;
  /** Where it listens; absent where that is no socket address of one port. */
  readonly bind?: Bind;
  readonly origin: ObjectRef;
}

/** What one object comes to among all the others. */
export interface Placed {
  readonly resources: readonly Resource[];
  readonly backends: readonly Backend[];
  readonly secrets: readonly SecretUse[];
  readonly redirects: readonly Redirect[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface Surroundings {
  readonly tables: Tables;
  readonly places: Collection<Place>;
  /** Whether the admin cluster is there. */
  readonly admin: boolean;
}

type Listed = ReadonlySet<string>;
type Report = (severity: Diagnostic['severity'], reason: string, message: string, hint: string, field: string) => void;

/** More about one object would be read by nobody. */
const maxProblems = 24;

/** Depends on the object's own listeners' places and on the Services and Secrets that it names: never on endpoints. */
export function placeEnvoyConfig(fetch: Fetch, compiled: Compiled, around: Surroundings): Placed {
  const diagnostics: Diagnostic[] = [...compiled.diagnostics];
  const most = diagnostics.length + maxProblems;
  const report: Report = (severity, reason, message, hint, field) => {
    if (diagnostics.length < most) diagnostics.push({ severity, reason, message, hint, object: compiled.ref, field });
  };
  const { tables } = around;
  const resources = [...compiled.resources];
  const binds = new Map<string, Bind | undefined>();
  for (const draft of compiled.listeners) {
    const placed = placeListener(draft, fetch.get(around.places, draft.name), compiled.ref, report);
    if (placed === undefined) continue;
    resources.push(placed.resource);
    binds.set(draft.name, placed.bind);
  }
  if (compiled.admin && !around.admin)
    report(
      'warning',
      'AdminUnavailable',
      "Envoy's admin interface is not on a Unix socket here, so there is no cluster /envoy-admin",
      'let Sluice start Envoy',
      'spec.resources',
    );
  for (const [field, key] of compiled.listed)
    if (fetch.get(tables.Service, key) === undefined)
      report(
        'warning',
        'ServiceNotFound',
        `${field}: Service ${key} does not exist`,
        'create it, or remove the entry',
        field,
      );
  const user = compiled.ref;
  const backends: Backend[] = [];
  for (const need of compiled.serviceClusters) {
    const service = need.service === undefined ? undefined : fetch.get(tables.Service, need.service);
    const backend = service && clusterOf(service, need);
    if (backend !== undefined) backends.push(backend);
  }
  const listed = new Set(compiled.listed.map(([, key]) => key));
  for (const need of [...compiled.serviceClusters, ...compiled.endpoints])
    checkPorts(fetch, tables, need, listed, report);
  for (const { service, field } of compiled.endpoints)
    if (service !== undefined && fetch.get(tables.Service, service)?.spec.type === 'ExternalName')
      report(
        'warning',
        'NoEndpoints',
        `${field}: Service ${service} is of type ExternalName, which has no endpoints`,
        'make the cluster STRICT_DNS with its name',
        field,
      );
  const redirects = compiled.redirects
    .filter((redirect) => binds.has(redirect.listener))
    .map(({ service, ports, listener }) => {
      const bind = binds.get(listener);
      return { service, ports, listener, ...(bind === undefined ? {} : { bind }), origin: user };
    });
  return { resources, backends, secrets: secretsOf(fetch, tables, compiled, report), redirects, diagnostics };
}

function placeListener(
  draft: ListenerDraft,
  place: Place | undefined,
  origin: ObjectRef,
  report: Report,
): { readonly resource: Resource; readonly bind: Bind | undefined } | undefined {
  const field = `spec.resources[${draft.index}]`;
  if (place === undefined) return undefined;
  if (place.type === 'conflict') {
    const { address, port } = place.bind;
    report(
      'error',
      'PortConflict',
      `${field}.address: ${place.owner} listens on ${address.includes(':') ? `[${address}]` : address}:${port} already`,
      'choose another port, or leave the address out to be given one',
      `${field}.address`,
    );
    return undefined;
  }
  if (place.type === 'full') {
    report('error', 'NoPortLeft', `${field}: every port for listeners is taken`, 'give it an address', field);
    return undefined;
  }
  const message = place.type === 'given' ? withAddress(draft.message, place.bind) : draft.message;
  const resource = encodeResource('listeners', draft.name, message, [origin], new Context());
  if (resource === undefined) return undefined;
  const bind = place.type === 'given' ? place.bind : draft.binds === 'auto' ? undefined : draft.binds[0];
  return { resource, bind };
}

/** A cluster for a Service as Ingress and Gateway would make it, by this object's name for it; its routes are the user's. */
function clusterOf(service: Service, need: EndpointNeed): Backend | undefined {
  const [first, ...others] = portsOf(service, need.ports);
  if (first === undefined) return undefined;
  const backend = serviceBackend(service, first, { ownRetries: true });
  const { discovery } = backend;
  const targets = discovery.type === 'endpoints' ? discovery.targets : [];
  const more = others.map(({ port }) => ({ service: need.service ?? '', port, weight: 1 }));
  return {
    ...backend,
    name: need.cluster,
    discovery: discovery.type === 'dns' ? discovery : { type: 'endpoints', targets: [...targets, ...more] },
    origins: [need.origin],
  };
}

function checkPorts(fetch: Fetch, tables: Tables, need: EndpointNeed, listed: Listed, report: Report): void {
  const { service: key, field } = need;
  const service = key === undefined ? undefined : fetch.get(tables.Service, key);
  if (service === undefined) {
    if (key !== undefined && !listed.has(key))
      report(
        'warning',
        'ServiceNotFound',
        `${field}: Service ${key} does not exist`,
        'it has no endpoints until it does',
        field,
      );
    return;
  }
  if (service.spec.ports.length === 0 && portsOf(service, need.ports).length === 0) {
    report(
      'warning',
      'PortNotFound',
      `${field}: Service ${key} has no ports`,
      'give it one, or name the port of an ExternalName Service by number',
      field,
    );
    return;
  }
  const known = service.spec.ports.map(({ name, port }) => (name === '' ? `${port}` : `${port} (${name})`)).join(', ');
  for (const port of need.ports)
    if (portsOf(service, [port]).length === 0)
      report(
        'warning',
        'PortNotFound',
        `${field}: Service ${key} has no port ${port}`,
        `its ports are ${known}`,
        field,
      );
}

function secretsOf(fetch: Fetch, tables: Tables, compiled: Compiled, report: Report): SecretUse[] {
  return compiled.secrets.flatMap(({ type, objects, field }) => {
    const found = objects.map(({ kind, key }) =>
      kind === 'Secret' ? fetch.get(tables.Secret, key) : fetch.get(tables.ConfigMap, key),
    );
    const missing = objects.find((_object, i) => found[i] === undefined);
    if (missing !== undefined) {
      const { kind, key } = missing;
      report(
        'error',
        'SecretNotFound',
        `${field}: ${kind} ${key} does not exist`,
        'create it: connections wait for it',
        field,
      );
      return [];
    }
    const present = found.filter((object) => object !== undefined);
    const [first] = present;
    if (first === undefined) return [];
    const result = type === 'certificate' && first.kind === 'Secret' ? certificateOf(first) : trustOf(present);
    if (result.ok) return [{ secret: result.secret, user: compiled.ref }];
    report('error', 'InvalidSecret', `${field}: ${result.message}`, result.hint, field);
    return [];
  });
}
