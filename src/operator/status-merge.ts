import { type Json, mergePatch, recordsOf, sameJson } from './json.ts';

/** Conditions by which an object of a kind is ours to speak of; whatever else stands there is somebody else's, and stays. */
const ownConditions: Readonly<Record<string, readonly string[]>> = {
  GatewayClass: ['Accepted', 'SupportedVersion'],
  Gateway: ['Accepted', 'Programmed', 'ResolvedRefs', 'AddressesAssigned', 'InsecureFrontendValidationMode'],
  ListenerSet: ['Accepted', 'Programmed'],
  Service: ['cilium.io/IPAMRequestSatisfied'],
  CiliumNetworkPolicy: ['Valid'],
  CiliumClusterwideNetworkPolicy: ['Valid'],
  CiliumLoadBalancerIPPool: [
    'cilium.io/PoolConflict',
    'cilium.io/IPsTotal',
    'cilium.io/IPsAvailable',
    'cilium.io/IPsUsed',
  ],
};

/** Those of a listener. */
const ownListenerConditions = ['Accepted', 'Programmed', 'ResolvedRefs', 'Conflicted', 'OverlappingTLSConfig'];

/** Lists that several controllers have entries in, each with its `controllerName`, and what an entry is about. */
const sharedLists: readonly (readonly [field: string, ref: string])[] = [
  ['parents', 'parentRef'],
  ['ancestors', 'ancestorRef'],
];

export interface StatusChange {
  /** As in the object. */
  readonly kind: string;
  /** The object's status as it is. */
  readonly live: unknown;
  /** What we have to say, without times; undefined: nothing (any more). */
  readonly desired: Json | undefined;
  readonly controllerName: string;
  /** RFC 3339, in whole seconds as metav1.Time is. */
  readonly now: string;
}

/**
 * The JSON merge patch for an object's status; undefined where it says already what we have to say. Entries and conditions of
 * other controllers stay where they are, and a condition keeps its time of transition for as long as it keeps its status.
 */
export function statusPatch(change: StatusChange): Json | undefined {
  const { live, desired } = change;
  const before = (live ?? {}) as Json;
  const after: Record<string, unknown> = { ...before };
  for (const [field, ref] of sharedLists) {
    if (desired === undefined ? before[field] === undefined : desired[field] === undefined) continue;
    after[field] = mergeEntries(recordsOf(before[field]), recordsOf(desired?.[field]), ref, change);
  }
  for (const [field, value] of Object.entries(desired ?? {})) {
    if (sharedLists.some(([shared]) => shared === field)) continue;
    if (field === 'conditions') {
      const own = ownConditions[change.kind] ?? [];
      after.conditions = mergeConditions(recordsOf(before.conditions), recordsOf(value), change.now, own);
    } else if (field === 'listeners') after.listeners = mergeListeners(recordsOf(before.listeners), value, change.now);
    else after[field] = value;
  }
  return mergePatch(before, after);
}

function mergeEntries(live: readonly Json[], desired: readonly Json[], ref: string, change: StatusChange): Json[] {
  const left = [...desired];
  const merged = live.flatMap((entry) => {
    if (entry.controllerName !== change.controllerName) return [entry];
    const at = left.findIndex((wanted) => sameJson(wanted[ref], entry[ref]));
    return at < 0 ? [] : [timed(entry, left.splice(at, 1)[0]!, change.now)];
  });
  return [...merged, ...left.map((wanted) => timed({}, wanted, change.now))];
}

function mergeListeners(live: readonly Json[], desired: unknown, now: string): Json[] {
  const byName = new Map(live.map((listener) => [listener.name, listener]));
  return recordsOf(desired).map((listener) => {
    const before = recordsOf(byName.get(listener.name)?.conditions);
    const conditions = mergeConditions(before, recordsOf(listener.conditions), now, ownListenerConditions);
    return { ...listener, conditions };
  });
}

/** An entry of ours alone: no condition stays that we don't set. */
function timed(live: Json, desired: Json, now: string): Json {
  if (desired.conditions === undefined) return desired;
  const before = recordsOf(live.conditions);
  const types = before.map(({ type }) => type as string);
  return { ...desired, conditions: mergeConditions(before, recordsOf(desired.conditions), now, types) };
}

/** `own`: types that go when they are not desired. In the order that they have, new ones last. */
function mergeConditions(live: readonly Json[], desired: readonly Json[], now: string, own: readonly string[]): Json[] {
  const left = [...desired];
  const merged = live.flatMap((condition) => {
    const at = left.findIndex(({ type }) => type === condition.type);
    if (at < 0) return own.includes(condition.type as string) ? [] : [condition];
    const wanted = left.splice(at, 1)[0]!;
    const since = condition.status === wanted.status ? condition.lastTransitionTime : undefined;
    return [{ ...wanted, lastTransitionTime: typeof since === 'string' ? since : now }];
  });
  return [...merged, ...left.map((wanted) => ({ ...wanted, lastTransitionTime: now }))];
}
