import {
  compareAge,
  GATEWAY_GROUP,
  type Gateway,
  type Listener,
  type ListenerSet,
  type ObjectRef,
  objectKey,
  refOf,
} from '../../api/index.ts';
import type { DerivedCollection, Fetch, Index, Store } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';
import type { Problem } from './conditions.ts';
import { classOf } from './gateway-class.ts';
import { findConflicts } from './listener-conflicts.ts';
import { namespaceAllowed } from './namespaces.ts';
import { type ListenerMode, modeOf, type RouteKind, supportedKinds } from './route-kinds.ts';

/** A listener of a Gateway or of a ListenerSet, and what can be said about it from these objects alone. */
export interface Entry {
  /** Unique among all listeners: `ns/gateway/listener`, `ListenerSet/ns/set/listener`. */
  readonly id: string;
  /** Unique in the Gateway, for names of chains and tables: `listener`, `ns/set/listener`. */
  readonly label: string;
  readonly owner: ObjectRef;
  /** `spec.listeners[i]` */
  readonly field: string;
  readonly listener: Listener;
  /** `*` where none is given. */
  readonly hostname: string;
  /** Absent: a protocol that we don't know. */
  readonly mode?: ListenerMode;
  readonly kinds: readonly RouteKind[];
  readonly kindsProblem?: Problem;
  /** Condition Conflicted. */
  readonly conflict?: Problem;
  /** Condition Accepted: something that we don't do. */
  readonly unsupported?: Problem;
}

export interface AttachedSet {
  readonly ref: ObjectRef;
  readonly generation: number;
  /** The Gateway does not let it attach: its listeners are not among the entries. */
  readonly refused?: Problem;
}

/** A Gateway of ours with the listeners of its own and of its ListenerSets, in order of precedence. */
export interface MergedGateway {
  readonly gateway: Gateway;
  /** Condition Accepted is False whatever its listeners say: its class or its parameters. */
  readonly problem?: Problem;
  readonly entries: readonly Entry[];
  readonly sets: readonly AttachedSet[];
}

export function listenerSetParent(set: ListenerSet): string | undefined {
  const { group, kind, namespace, name } = set.spec.parentRef;
  return group === GATEWAY_GROUP && kind === 'Gateway' ? `${namespace ?? set.metadata.namespace}/${name}` : undefined;
}

export function deriveMergedGateways(store: Store, tables: Tables): DerivedCollection<MergedGateway> {
  const sets = tables.ListenerSet.index('gateway', listenerSetParent);
  return store.derive(tables.Gateway, {
    name: 'gateway.merged',
    map: (fetch, gateway, key) => {
      const verdict = classOf(fetch, tables, gateway.spec.gatewayClassName);
      if (verdict.type !== 'ours') return [];
      const problem = verdict.problem ?? parametersProblem(gateway);
      return [
        [key, { gateway, ...(problem === undefined ? {} : { problem }), ...merge(fetch, tables, gateway, sets) }],
      ];
    },
  });
}

function parametersProblem({ spec: { infrastructure } }: Gateway): Problem | undefined {
  const ref = infrastructure?.parametersRef;
  if (ref === undefined) return undefined;
  return {
    reason: 'InvalidParameters',
    message: `infrastructure.parametersRef names ${ref.kind} ${ref.name}, and Gateways take no parameters`,
    hint: 'remove infrastructure.parametersRef',
    field: 'spec.infrastructure.parametersRef',
  };
}

function merge(
  fetch: Fetch,
  tables: Tables,
  gateway: Gateway,
  index: Index<ListenerSet>,
): Pick<MergedGateway, 'entries' | 'sets'> {
  const groups: Entry[][] = [gateway.spec.listeners.map((listener, i) => gatewayEntry(gateway, listener, i))];
  const sets: AttachedSet[] = [];
  for (const set of fetch.by(index, objectKey(gateway)).sort(compareAge)) {
    const { namespace = '', generation } = set.metadata;
    const own = gateway.metadata.namespace ?? '';
    const allowed = namespaceAllowed(fetch, tables, gateway.spec.allowedListeners, own, namespace);
    if (allowed) groups.push(set.spec.listeners.map((listener, i) => setEntry(set, listener, i)));
    sets.push({ ref: refOf(set), generation, ...(allowed ? {} : { refused: notAllowed(gateway, namespace) }) });
  }
  const conflicts = findConflicts(groups);
  const entries = groups.flat().map((entry) => {
    const conflict = conflicts.get(entry.id);
    return conflict === undefined ? entry : { ...entry, conflict };
  });
  return { entries, sets };
}

function notAllowed(gateway: Gateway, namespace: string): Problem {
  const { from } = gateway.spec.allowedListeners;
  return {
    reason: 'NotAllowed',
    message: `Gateway ${objectKey(gateway)} lets no ListenerSet of namespace ${namespace} attach (from: ${from})`,
    hint: `set spec.allowedListeners.namespaces of the Gateway so that it selects namespace ${namespace}`,
    field: 'spec.parentRef',
  };
}

function gatewayEntry(gateway: Gateway, listener: Listener, i: number): Entry {
  return entryOf(refOf(gateway), `${objectKey(gateway)}/${listener.name}`, listener.name, listener, i);
}

function setEntry(set: ListenerSet, listener: Listener, i: number): Entry {
  const label = `${objectKey(set)}/${listener.name}`;
  return entryOf(refOf(set), `ListenerSet/${label}`, label, listener, i);
}

function entryOf(owner: ObjectRef, id: string, label: string, listener: Listener, i: number): Entry {
  const field = `spec.listeners[${i}]`;
  const mode = modeOf(listener);
  const { kinds, problem } = supportedKinds(listener, mode, field);
  const unsupported = unsupportedIn(listener, mode, field);
  return {
    id,
    label,
    owner,
    field,
    listener,
    // Protocols without host names ignore the field.
    hostname: mode === 'tcp' || mode === 'udp' ? '*' : (listener.hostname ?? '*'),
    kinds,
    ...(mode === undefined ? {} : { mode }),
    ...(problem === undefined ? {} : { kindsProblem: problem }),
    ...(unsupported === undefined ? {} : { unsupported }),
  };
}

function unsupportedIn(listener: Listener, mode: ListenerMode | undefined, field: string): Problem | undefined {
  if (mode === undefined)
    return {
      reason: 'UnsupportedProtocol',
      message: `protocol ${listener.protocol} is not supported`,
      hint: 'use HTTP, HTTPS, TLS, TCP or UDP',
      field: `${field}.protocol`,
    };
  if (listener.filters.length > 0)
    return {
      reason: 'UnsupportedValue',
      message: `filters of a listener (${listener.filters[0]!.type}) are not supported`,
      hint: 'remove filters.requests',
      field: `${field}.filters`,
    };
  return undefined;
}
