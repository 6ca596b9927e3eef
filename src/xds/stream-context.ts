import type { ResourceType } from '../mesh/envoy/resource.ts';
import type { ResourceCache } from './cache.ts';
import type { Holder, RejectionLedger } from './ledger.ts';
import type { XdsMeters } from './metrics.ts';
import { edsNameOf } from './references.ts';
import type { Entry, Mark, TypeState } from './stream-state.ts';
import type { Protocol } from './wire.ts';

/** Where lines go; a pino logger is one. */
export interface XdsLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What the parts of one stream share. */
export interface StreamContext extends Holder {
  readonly id: number;
  readonly protocol: Protocol;
  readonly cache: ResourceCache;
  readonly ledger: RejectionLedger;
  readonly meters: XdsMeters;
  readonly log: XdsLog;
  readonly states: ReadonlyMap<ResourceType, TypeState>;
  /** Resources of which the client refuses something. */
  readonly refusing: Map<Entry, { readonly state: TypeState; readonly name: string }>;
}

export function stateOf(stream: StreamContext, type: ResourceType): TypeState {
  return stream.states.get(type) as TypeState;
}

/**
 * What a stream that ended leaves to the next one of its client, by node id. While clusters are being changed in place a client waits
 * for their endpoints, and will say that it has them. And of a response that it refuses, Envoy takes in what is good and goes on
 * naming the versions from before.
 */
export type Owed = Map<string, Debts>;

interface Debts {
  /** Names to send whatever the client says. */
  readonly forced: ReadonlyMap<ResourceType, ReadonlySet<string>>;
  /** As `doubts` of `TypeState`. */
  readonly doubts: ReadonlyMap<ResourceType, ReadonlyMap<string, string | undefined>>;
}

/** Bounds against clients that make up node ids and never come back: of those, and of all names together. */
const maxOwing = 256;
const maxOwedNames = 1_000_000;

/** A stream has ended: keeps what it owes. */
export function leaveDebts(stream: StreamContext, node: string, owed: Owed): void {
  const debts = debtsOf(stream);
  const count = namesIn(debts);
  if (count === 0 || owed.size >= maxOwing) return;
  if (owed.values().reduce((sum, each) => sum + namesIn(each), count) <= maxOwedNames) owed.set(node, debts);
}

/** A client is back: its new stream owes what the earlier one left. */
export function takeDebts(stream: StreamContext, node: string, owed: Owed): void {
  const { forced, doubts } = owed.get(node) ?? {};
  owed.delete(node);
  for (const [type, names] of forced ?? []) for (const name of names) stateOf(stream, type).forced.add(name);
  for (const [type, names] of doubts ?? [])
    for (const [name, version] of names) stateOf(stream, type).doubts.set(name, version);
}

function namesIn({ forced, doubts }: Debts): number {
  return [...forced.values(), ...doubts.values()].reduce((sum, { size }) => sum + size, 0);
}

function debtsOf(stream: StreamContext): Debts {
  const forced = new Map<ResourceType, Set<string>>();
  const doubts = new Map<ResourceType, Map<string, string | undefined>>();
  const force = (type: ResourceType, name: string) => forced.set(type, (forced.get(type) ?? new Set()).add(name));
  for (const [type, state] of stream.states) {
    const doubtful = new Map(state.doubts);
    for (const name of state.forced) force(type, name);
    for (const [name, { unsure, good }] of state.entries) if (unsure) doubtful.set(name, good?.version);
    for (const { items } of state.flights.values()) {
      for (const { name, form } of items) {
        const good = state.entries.get(name)?.good;
        if (good?.version === form.version) continue;
        if (items.length > 1) doubtful.set(name, good?.version);
        const eds = type === 'clusters' && good !== undefined ? edsNameOf(form) : undefined;
        if (eds !== undefined) force('endpoints', eds);
      }
    }
    if (doubtful.size > 0) doubts.set(type, doubtful);
  }
  return { forced, doubts };
}

/** A mark for what no change of the cache caused. */
export function markNow(stream: StreamContext): Mark {
  return { sequence: stream.cache.sequence, at: Number.NaN };
}

/** The entries that still refuse something and still exist. */
export function refusingEntries(stream: StreamContext): Set<Entry> {
  const live = new Set<Entry>();
  for (const [entry, { state, name }] of stream.refusing) {
    const { trouble } = entry;
    const refuses = trouble?.bad !== undefined || trouble?.search !== undefined || (trouble?.refused?.size ?? 0) > 0;
    if (refuses && state.entries.get(name) === entry) live.add(entry);
    else stream.refusing.delete(entry);
  }
  return live;
}
