import { type Diagnostic, type ObjectRef, objectKey, refOf } from '../../api/index.ts';
import type { Collection, DerivedCollection, Fetch, Store } from '../../store/index.ts';
import { deriveNodeAddresses } from '../backend/index.ts';
import type { DownstreamTls, MeshOptions, SecretMaterial } from '../model/index.ts';
import type { Assignment } from './address-assignment.ts';
import { gatewayClientCertificate } from './backend-tls.ts';
import { diagnosticOf, type Problem } from './conditions.ts';
import type { GatewayContext } from './contract.ts';
import { covers } from './hostnames.ts';
import { socketOf } from './listener-conflicts.ts';
import { resolveCertificates, resolveClientValidation } from './listener-tls.ts';
import type { AttachedSet, Entry, MergedGateway } from './merged-listeners.ts';

/** A listener with everything decided about it but its routes. */
export interface ListenerModel extends Entry {
  /** Condition Accepted is False. */
  readonly accepted?: Problem;
  /** Condition ResolvedRefs is False. */
  readonly resolvedRefs: readonly Problem[];
  /** Condition Programmed is False: it takes no traffic. */
  readonly programmed?: Problem;
  /** No certificate, or no kind of route: nothing could be served. */
  readonly useless?: string;
  /** Condition OverlappingTLSConfig is True. */
  readonly overlap?: { readonly reason: string; readonly message: string };
  /** Where TLS is terminated. */
  readonly tls?: DownstreamTls;
  readonly secrets: readonly SecretMaterial[];
  /** The route table of HTTP and HTTPS listeners. */
  readonly table?: string;
}

export interface GatewayModel {
  readonly ref: ObjectRef;
  readonly generation: number;
  /** Where it listens. */
  readonly addresses: readonly string[];
  /** Where clients reach it: those, or others that lead there. */
  readonly published: readonly string[];
  /** The addresses may come to this host later. */
  readonly freebind: boolean;
  /** Conditions of the Gateway: absent where they are True. */
  readonly accepted?: Problem;
  readonly programmed?: Problem;
  readonly resolvedRefs?: Problem;
  readonly addressesAssigned?: Problem;
  /** Condition InsecureFrontendValidationMode. */
  readonly insecureValidation: boolean;
  readonly listeners: readonly ListenerModel[];
  readonly sets: readonly AttachedSet[];
  /** It shows backends a certificate of its own, so its routes' backends are other ones. */
  readonly clientCertificate: boolean;
  readonly isDefault: boolean;
  /** About the Gateway as a whole; those about listeners follow from the listeners. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Gateways of ours, by `namespace/name`. No route has any bearing on these. */
export function deriveGatewayModels(
  store: Store,
  context: GatewayContext,
  merged: Collection<MergedGateway>,
  assignments: Collection<Assignment>,
  { gatewayAddresses }: MeshOptions,
): DerivedCollection<GatewayModel> {
  const nodes = gatewayAddresses === 'nodes' ? deriveNodeAddresses(store, context.tables) : undefined;
  return store.derive(merged, {
    name: 'gateway.models',
    map: (fetch, value, key) => {
      const model = modelOf(fetch, context, value, fetch.get(assignments, key) ?? nowhere);
      const published = nodes !== undefined && model.addresses.length > 0 ? fetch.get(nodes, '')! : model.addresses;
      return [[key, { ...model, published, freebind: gatewayAddresses === 'service' }]];
    },
  });
}

const nowhere: Assignment = { addresses: [], refused: [], takenPorts: [] };

function modelOf(
  fetch: Fetch,
  context: GatewayContext,
  { gateway, problem, entries, sets }: MergedGateway,
  assignment: Assignment,
): Omit<GatewayModel, 'published' | 'freebind'> {
  const ref = refOf(gateway);
  const whole = problem ?? assignment.unsupported;
  const addresses = whole === undefined ? assignment.addresses : [];
  const checked = entries.map((entry) => checkListener(fetch, context, gateway, entry, assignment.takenPorts));
  const listeners = checked.map((one) =>
    finishListener(one, objectKey(gateway), overlapOf(one, checked), blockOf(one, whole, addresses)),
  );
  const accepted = whole ?? noListener(listeners);
  const notAssigned = assignment.refused[0];
  const client = gatewayClientCertificate(fetch, context, gateway);
  const clientProblem: Problem | undefined =
    client.type === 'invalid'
      ? {
          reason: client.reason,
          message: client.message,
          hint: client.hint,
          field: 'spec.tls.backend.clientCertificateRef',
        }
      : undefined;
  const resolvedRefs = clientProblem ?? unresolved(listeners);
  const programmed = notProgrammed(accepted, notAssigned, listeners);
  return {
    ref,
    generation: gateway.metadata.generation,
    addresses,
    ...(accepted === undefined ? {} : { accepted }),
    ...(programmed === undefined ? {} : { programmed }),
    ...(resolvedRefs === undefined ? {} : { resolvedRefs }),
    ...(whole === undefined && notAssigned !== undefined ? { addressesAssigned: notAssigned } : {}),
    insecureValidation: insecure(gateway.spec.tls?.frontend),
    listeners,
    sets,
    clientCertificate: client.type !== 'none',
    isDefault: gateway.spec.defaultScope === 'All',
    diagnostics: [
      ...(whole === undefined ? assignment.refused : [whole]),
      ...(clientProblem === undefined ? [] : [clientProblem]),
    ].map((one) => diagnosticOf(ref, one)),
  };
}

interface CheckedListener {
  readonly entry: Entry;
  readonly accepted?: Problem;
  readonly resolvedRefs: readonly Problem[];
  /** No certificate, or no kind of route: nothing could be served. */
  readonly useless?: string;
  readonly tls?: DownstreamTls;
  readonly secrets: readonly SecretMaterial[];
  readonly dnsNames: readonly string[];
}

function checkListener(
  fetch: Fetch,
  context: GatewayContext,
  gateway: MergedGateway['gateway'],
  entry: Entry,
  takenPorts: readonly string[],
): CheckedListener {
  const { mode, kindsProblem } = entry;
  const resolvedRefs: Problem[] = [];
  let accepted = entry.unsupported ?? entry.conflict ?? portProblem(entry, takenPorts);
  let useless = entry.kinds.length === 0 ? 'no kind of route that could attach is allowed' : undefined;
  let served: Pick<CheckedListener, 'tls' | 'secrets' | 'dnsNames'> = { secrets: [], dnsNames: [] };
  if (mode === 'https' || mode === 'terminate') {
    const { secrets, dnsNames, problems } = resolveCertificates(fetch, context, entry);
    const client = mode === 'https' ? resolveClientValidation(fetch, context, gateway, entry.listener.port) : undefined;
    resolvedRefs.push(...problems, ...(client?.problems ?? []));
    if (secrets.length === 0) useless = 'it has no valid certificate';
    if (client !== undefined && client.trust === undefined) accepted ??= noAuthority(client.problems[0]);
    const tls: DownstreamTls = {
      certificates: secrets.map(({ name }) => name),
      ...(client?.trust === undefined ? {} : { clientValidation: { trust: client.trust.name, mode: client.mode } }),
      // Offering HTTP/2 would be a promise made in the name of a backend that may speak anything.
      ...(mode === 'terminate' ? { alpn: [] } : {}),
    };
    served = { tls, secrets: client?.trust === undefined ? secrets : [...secrets, client.trust], dnsNames };
  }
  if (kindsProblem !== undefined) resolvedRefs.push(kindsProblem);
  return {
    entry,
    resolvedRefs,
    ...served,
    ...(accepted === undefined ? {} : { accepted }),
    ...(useless === undefined ? {} : { useless }),
  };
}

function portProblem(entry: Entry, takenPorts: readonly string[]): Problem | undefined {
  if (entry.owner.kind === 'Gateway' || !takenPorts.includes(socketOf(entry))) return undefined;
  return {
    reason: 'PortUnavailable',
    message: `port ${entry.listener.port} on the Gateway's address is taken`,
    hint: 'use another port',
    field: `${entry.field}.port`,
  };
}

function noAuthority(cause: Problem | undefined): Problem {
  return {
    reason: 'NoValidCACertificate',
    message: `no authority to check client certificates with: ${cause?.message ?? 'there are no caCertificateRefs'}`,
    hint: cause?.hint ?? 'name a ConfigMap with ca.crt in caCertificateRefs',
    ...(cause?.field === undefined ? {} : { field: cause.field }),
  };
}

/** Why no listener of the Gateway is on the data plane. */
function blockOf(
  { entry, accepted, useless }: CheckedListener,
  whole: Problem | undefined,
  addresses: readonly string[],
): Problem | undefined {
  if (accepted !== undefined)
    return { ...accepted, reason: namesItsCause(accepted.reason) ? accepted.reason : 'Invalid' };
  const because = (reason: string, message: string, hint: string): Problem => ({
    reason,
    message,
    hint,
    field: entry.field,
  });
  if (useless !== undefined) return because('Invalid', useless, 'see condition ResolvedRefs');
  if (whole !== undefined) return because('Invalid', `the Gateway is not accepted: ${whole.message}`, whole.hint);
  if (addresses.length === 0) return because('Pending', 'the Gateway has no address', 'see the Gateway');
  return undefined;
}

/** Reasons that condition Programmed shares with Accepted and Conflicted. */
function namesItsCause(reason: string): boolean {
  return reason === 'HostnameConflict' || reason === 'ProtocolConflict' || reason === 'PortUnavailable';
}

function finishListener(
  { entry, accepted, resolvedRefs, useless, tls, secrets }: CheckedListener,
  gateway: string,
  overlap: ListenerModel['overlap'],
  programmed: Problem | undefined,
): ListenerModel {
  const port = `gateway/${gateway}/${entry.listener.port}`;
  return {
    ...entry,
    resolvedRefs,
    secrets,
    ...(accepted === undefined ? {} : { accepted }),
    ...(programmed === undefined ? {} : { programmed }),
    ...(useless === undefined ? {} : { useless }),
    ...(overlap === undefined ? {} : { overlap }),
    ...(tls === undefined ? {} : { tls }),
    ...(entry.mode === 'http' ? { table: port } : entry.mode === 'https' ? { table: `${port}/${entry.label}` } : {}),
  };
}

/** Clients may use one connection for hosts of several listeners where these overlap (RFC 9110 section 7.4, RFC 9113 section 9.1.1). */
function overlapOf(one: CheckedListener, all: readonly CheckedListener[]): ListenerModel['overlap'] {
  if (one.tls === undefined || one.entry.conflict !== undefined) return undefined;
  const others = all.filter(
    ({ entry, tls }) =>
      tls !== undefined &&
      entry.id !== one.entry.id &&
      entry.listener.port === one.entry.listener.port &&
      entry.conflict === undefined,
  );
  if (others.length === 0) return undefined;
  const overlaps = (a: string, b: string): boolean => covers(a, b) || covers(b, a);
  const byName = others.find(({ dnsNames }) => dnsNames.some((a) => one.dnsNames.some((b) => overlaps(a, b))));
  if (byName !== undefined)
    return { reason: 'OverlappingCertificates', message: `a certificate is good for hosts of another listener too` };
  return others.some(({ entry }) => overlaps(entry.hostname, one.entry.hostname))
    ? { reason: 'OverlappingHostnames', message: `hostname ${one.entry.hostname} overlaps with another listener's` }
    : undefined;
}

function noListener(listeners: readonly ListenerModel[]): Problem | undefined {
  if (listeners.some(({ accepted }) => accepted === undefined)) return undefined;
  const first = listeners[0]?.accepted;
  return {
    reason: 'ListenersNotValid',
    message: `no listener is valid${first === undefined ? '' : `: ${first.message}`}`,
    hint: first?.hint ?? 'add a listener',
    field: 'spec.listeners',
  };
}

function notProgrammed(
  accepted: Problem | undefined,
  notAssigned: Problem | undefined,
  listeners: readonly ListenerModel[],
): Problem | undefined {
  if (accepted !== undefined) return { ...accepted, reason: 'Invalid' };
  if (notAssigned !== undefined) return notAssigned;
  if (listeners.some(({ programmed }) => programmed === undefined)) return undefined;
  const first = listeners[0]!.programmed!;
  return { ...first, reason: 'Invalid', message: `no listener can be programmed: ${first.message}` };
}

function unresolved(listeners: readonly ListenerModel[]): Problem | undefined {
  const bad = listeners.filter(({ resolvedRefs }) => resolvedRefs.length > 0);
  if (bad.length === 0) return undefined;
  return {
    reason: 'ListenersNotResolved',
    message: `references of listeners ${bad.map(({ label }) => label).join(', ')} are not resolved`,
    hint: 'see the conditions of these listeners',
    field: 'spec.listeners',
  };
}

type Frontend = NonNullable<MergedGateway['gateway']['spec']['tls']>['frontend'];
function insecure(frontend: Frontend): boolean {
  if (frontend === undefined) return false;
  const all = [frontend.default.validation, ...frontend.perPort.map(({ tls }) => tls.validation)];
  return all.some((validation) => validation?.mode === 'AllowInsecureFallback');
}
