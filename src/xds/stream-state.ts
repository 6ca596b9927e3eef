import type { Resource, ResourceType } from '../mesh/envoy/resource.ts';
import type { Trouble } from './forms.ts';

/** Types of which a state-of-the-world response must hold every resource: what it leaves out counts as removed. */
export const fullStateTypes: ReadonlySet<ResourceType> = new Set(['listeners', 'scoped-routes', 'clusters']);

/** Which batch made a change necessary. `at` is NaN where not the cache but a subscription did. */
export interface Mark {
  readonly sequence: number;
  readonly at: number;
}

/** Why something is to be taken away. */
export interface Removal extends Mark {
  /** Sequence of the earliest unsent change that it came in place of: what waited for that waits for the removal. */
  readonly since: number;
}

export interface FlightItem {
  readonly name: string;
  /** As it was when sent: a client that has dropped the name since, even if it asked again, does not have this form. */
  readonly entry: Entry;
  readonly form: Resource;
  readonly mark: Mark;
}

/** A response that was sent and not answered yet. */
export interface Flight {
  readonly nonce: string;
  /** `absent` tells of names that were asked for and do not exist. */
  readonly kind: 'update' | 'removal' | 'absent';
  readonly items: readonly FlightItem[];
  readonly removed: readonly string[];
  /** The earliest mark in it. */
  readonly mark: Mark;
  /** `performance.now()`. */
  readonly sentAt: number;
  /** Waited for long enough: holds nothing up any more. */
  overdue: boolean;
}

/** What a stream knows of one resource at its client. */
export interface Entry {
  /** The form that the client accepted last. `resource` is absent where only the version is known, from a reconnect. */
  good: { readonly version: string; readonly resource: Resource | undefined } | undefined;
  /** The response on its way that carries it. One at a time: later changes wait and coalesce. */
  flight: Flight | undefined;
  /** Something else than `good` may be in force: a batch with it was refused, or was never answered. */
  unsure: boolean;
  trouble: Trouble | undefined;
}

/** One stream's view of one resource type. */
export interface TypeState {
  readonly type: ResourceType;
  /** A first request came. */
  started: boolean;
  wildcard: boolean;
  /** State of the world: names were given once, so an empty list no longer means everything. */
  named: boolean;
  readonly names: Set<string>;
  readonly entries: Map<string, Entry>;
  /** To send, oldest change first. */
  readonly updates: Map<string, Mark>;
  /** Parts of a refused response: each goes out in a response of its own. */
  groups: Map<string, Mark>[];
  /** To take away, once nothing needs it any more. */
  readonly removals: Map<string, Removal>;
  /** Asked for by name, and not there. */
  readonly absent: Set<string>;
  /** To send even if the client has this version: it asked again, or waits without asking. */
  readonly forced: Set<string>;
  /**
   * What the client may have in another form than it says, from an earlier stream: the version that it will name (none: it will not
   * name it at all) although it may have taken in what came after. If it names another one, there is no doubt.
   */
  readonly doubts: Map<string, string | undefined>;
  readonly flights: Map<string, Flight>;
  /** The client waits for a first answer, be it empty. */
  owesAnswer: boolean;
  lastNonce: string;
  lastVersion: string;
  ackedSequence: number;
  /** A response was accepted on this stream. */
  accepted: boolean;
}

export function newTypeState(type: ResourceType): TypeState {
  return {
    type,
    started: false,
    wildcard: false,
    named: false,
    names: new Set(),
    entries: new Map(),
    updates: new Map(),
    groups: [],
    removals: new Map(),
    absent: new Set(),
    forced: new Set(),
    doubts: new Map(),
    flights: new Map(),
    owesAnswer: false,
    lastNonce: '',
    lastVersion: '',
    ackedSequence: 0,
    accepted: false,
  };
}

export function entryOf(state: TypeState, name: string): Entry {
  let entry = state.entries.get(name);
  if (entry === undefined) {
    entry = { good: undefined, flight: undefined, unsure: false, trouble: undefined };
    state.entries.set(name, entry);
  }
  return entry;
}

export function interested(state: TypeState, name: string): boolean {
  return state.wildcard || state.names.has(name);
}

/** Notes that a resource is to be sent; an earlier reason stays the one that counts, be it that the resource was gone meanwhile. */
export function markUpdate(state: TypeState, name: string, mark: Mark): void {
  const since = state.removals.get(name)?.since ?? mark.sequence;
  state.removals.delete(name);
  state.absent.delete(name);
  if (!state.updates.has(name)) state.updates.set(name, { ...mark, sequence: Math.min(since, mark.sequence) });
}

/** Notes that a resource is gone from the cache. */
export function markRemoval(state: TypeState, name: string, mark: Mark): void {
  const { sequence: since } =
    state.updates.get(name) ?? state.groups.find((group) => group.has(name))?.get(name) ?? mark;
  forgetUpdate(state, name);
  const entry = state.entries.get(name);
  if (entry === undefined || (entry.good === undefined && entry.flight === undefined && !entry.unsure)) {
    state.forced.delete(name);
    state.entries.delete(name);
    // Who asked for it waits for it or for word that it is not there.
    if (state.names.has(name)) state.absent.add(name);
    return;
  }
  // It stays forced: until the removal is on its way it may be back, and whoever waited for it still does.
  entry.trouble = undefined;
  if (!state.removals.has(name)) state.removals.set(name, { ...mark, since });
}

/** The client is not interested any more. */
export function forget(state: TypeState, name: string): void {
  forgetUpdate(state, name);
  state.forced.delete(name);
  state.removals.delete(name);
  state.absent.delete(name);
  state.entries.delete(name);
}

function forgetUpdate(state: TypeState, name: string): void {
  state.updates.delete(name);
  for (const group of state.groups) group.delete(name);
}
