import type { Rejection, Resource } from '../mesh/envoy/resource.ts';
import { isRefused, type RefusedFragment } from './forms.ts';
import { FragmentSearch, split } from './fragment-search.ts';
import { markNow, refusingEntries, type StreamContext, stateOf } from './stream-context.ts';
import {
  type Entry,
  type Flight,
  type FlightItem,
  fullStateTypes,
  markUpdate,
  type TypeState,
} from './stream-state.ts';

/** A refused batch is cut into this many parts at a time; they are all sent at once. */
const ways = 16;
/** Characters of a client's message that are kept. */
const maxMessage = 4096;
const none: ReadonlyMap<string, RefusedFragment> = new Map();

/** The client accepted a response. */
export function acknowledge(stream: StreamContext, state: TypeState, flight: Flight): void {
  stream.meters.acked(state.type);
  if (!Number.isNaN(flight.mark.at)) stream.meters.applied(state.type, performance.now() - flight.mark.at);
  state.accepted = true;
  state.ackedSequence = Math.max(state.ackedSequence, flight.mark.sequence);
  for (const item of flight.items) {
    const { entry } = item;
    if (state.entries.get(item.name) !== entry) continue;
    if (entry.flight === flight) entry.flight = undefined;
    entry.unsure = false;
    entry.good = { version: item.form.version, resource: item.form };
    const resource = stream.cache.get(state.type, item.name);
    if (resource === undefined) continue;
    const search = entry.trouble?.search;
    if (search === undefined) accepted(stream, entry, item.form, resource);
    else if (search.target.version === resource.version) {
      search.answer(true, '');
      goOn(stream, state, entry, item, search);
    } else if (item.form.version === resource.version) {
      // The search was about what came before, and ends with it: nothing of what is in force now is refused.
      accepted(stream, entry, item.form, resource);
    }
  }
}

/** The client refused a response: finds out which resource, and which fragment of it, and keeps the rest going. */
export function refuse(stream: StreamContext, state: TypeState, flight: Flight, detail: string): void {
  stream.meters.nacked(state.type);
  const message = detail.slice(0, maxMessage);
  stream.log.debug(
    { stream: stream.id, type: state.type, resources: flight.items.length, message },
    'response refused',
  );
  if (flight.kind !== 'update') {
    stream.log.warn({ stream: stream.id, type: state.type, message }, 'client refused a removal');
    return;
  }
  const live: FlightItem[] = [];
  for (const item of flight.items) {
    const { entry } = item;
    if (state.entries.get(item.name) !== entry || (entry.flight !== flight && entry.flight !== undefined)) continue;
    entry.flight = undefined;
    // Envoy applies the good ones of some types, and of others nothing. What was unsure before is no surer now.
    entry.unsure ||= flight.items.length > 1;
    const removal = state.removals.get(item.name);
    // Nothing of this change is in force, so what waited for it waits for the next in its place.
    if (removal !== undefined) {
      const since = Math.min(removal.since, item.mark.sequence);
      state.removals.set(item.name, { ...removal, since });
    } else if (state.updates.has(item.name)) state.updates.set(item.name, item.mark);
    else live.push(item);
  }
  const [first] = live;
  if (first !== undefined && flight.items.length === 1) refuseOne(stream, state, first, message);
  else {
    const marks = new Map(live.map(({ name, mark }) => [name, mark]));
    for (const names of split([...marks.keys()], message, ways)) {
      state.groups.push(new Map(names.map((name) => [name, marks.get(name) ?? flight.mark])));
    }
  }
}

/**
 * A listener may be refused only because one that is about to go still has its address (a scope: its key). Tried again once
 * nothing of the type is left to be removed; only then does its refusal count.
 */
export function retryAfterRemovals(stream: StreamContext): void {
  if (stream.refusing.size === 0) return;
  for (const entry of refusingEntries(stream)) {
    const { state, name } = stream.refusing.get(entry) ?? {};
    if (!entry.trouble?.bad?.retryAfterRemoval || state === undefined || name === undefined) continue;
    if (removing(state)) continue;
    entry.trouble = undefined;
    markUpdate(state, name, markNow(stream));
  }
}

function refuseOne(stream: StreamContext, state: TypeState, item: FlightItem, message: string): void {
  const { entry } = item;
  const resource = stream.cache.get(state.type, item.name);
  if (resource === undefined) return;
  const { bad } = entry.trouble ?? {};
  if (bad?.fallback === item.form) {
    entry.trouble = { bad: { ...bad, fallback: undefined } };
    return;
  }
  stream.refusing.set(entry, { state, name: item.name });
  let search = entry.trouble?.search;
  if (search?.target.version === resource.version) {
    search.answer(false, message);
    goOn(stream, state, entry, item, search);
  } else if ((resource.fragments?.length ?? 0) > 0) {
    const good = entry.good?.resource ?? stream.ledger.lastGood(state.type, item.name);
    const inForce = good !== undefined && entry.good?.version === good.version && !entry.unsure;
    search = new FragmentSearch(resource, good, inForce, entry.trouble?.refused ?? none, message);
    entry.trouble = { search };
    goOn(stream, state, entry, item, search);
  } else refuseWhole(stream, state, entry, resource, message);
}

/** The next step of a search, or its end. */
function goOn(stream: StreamContext, state: TypeState, entry: Entry, item: FlightItem, search: FragmentSearch): void {
  const { target } = search;
  if (!search.done) {
    state.groups.push(new Map([[item.name, item.mark]]));
    return;
  }
  if (search.hopeless !== undefined) {
    refuseWhole(stream, state, entry, target, search.hopeless);
    return;
  }
  entry.trouble = search.guilty.size > 0 ? { refused: search.guilty } : undefined;
  const inForce = entry.good?.resource;
  if (inForce !== undefined) stream.ledger.accept(stream, inForce, search.guilty);
  for (const { fragment, message } of search.guilty.values()) {
    const { origins, key } = fragment;
    report(stream, { type: state.type, name: item.name, fragment: key, version: target.version, message, origins });
  }
}

function refuseWhole(stream: StreamContext, state: TypeState, entry: Entry, resource: Resource, message: string): void {
  const { name, type, version, origins } = resource;
  const retryAfterRemoval = (type === 'listeners' || type === 'scoped-routes') && removing(state);
  const lastGood = entry.good === undefined ? stream.ledger.lastGood(type, name) : undefined;
  const fallback = lastGood?.version === version ? undefined : lastGood;
  entry.trouble = { bad: { version, message, retryAfterRemoval, fallback } };
  if (fallback !== undefined) state.groups.push(new Map([[name, markNow(stream)]]));
  // Its first whole response was refused, so it still holds what an earlier stream gave it.
  if (stream.protocol === 'sotw' && !state.accepted && fullStateTypes.has(type)) state.owesAnswer = true;
  if (!retryAfterRemoval) report(stream, { type, name, version, message, origins });
}

function removing(state: TypeState): boolean {
  return state.removals.size > 0 || state.flights.values().some(({ kind, overdue }) => kind === 'removal' && !overdue);
}

/** `form`, made from `resource`, is in force. What was refused before and is not in `resource` any more is forgiven. */
export function accepted(stream: StreamContext, entry: Entry, form: Resource, resource: Resource): void {
  const still = new Map<string, RefusedFragment>();
  const refused = entry.trouble?.refused;
  if (refused !== undefined) {
    for (const fragment of resource.fragments ?? []) {
      if (isRefused(refused, fragment)) still.set(fragment.key, refused.get(fragment.key) as RefusedFragment);
    }
  }
  if (entry.trouble?.bad?.version === resource.version) return;
  entry.trouble = still.size > 0 ? { refused: still } : undefined;
  stream.ledger.accept(stream, form, still);
}

function report(stream: StreamContext, rejection: Rejection): void {
  const { type, name, fragment, version, message } = rejection;
  // The ledger's listener tells the owner, as an error: this is the same from the stream's side.
  stream.log.info({ stream: stream.id, type, name, fragment, version, message }, 'client refused a resource');
  stream.ledger.reject(stream, rejection);
}

/** The client is known to have the version in the cache, from a reconnect. */
export function acceptResumed(stream: StreamContext, entry: Entry, resource: Resource): void {
  entry.good = { version: resource.version, resource };
  stream.ledger.accept(stream, resource);
}

/** Everything that one stream's client refuses now. */
export function rejectionsOf(
  stream: StreamContext,
  state: TypeState,
): { name: string; fragment?: string; version: string; message: string }[] {
  const found: { name: string; fragment?: string; version: string; message: string }[] = [];
  for (const entry of refusingEntries(stream)) {
    const at = stream.refusing.get(entry);
    if (at === undefined || at.state !== stateOf(stream, state.type)) continue;
    const { bad, refused } = entry.trouble ?? {};
    if (bad !== undefined) found.push({ name: at.name, version: bad.version, message: bad.message });
    const version = stream.cache.get(state.type, at.name)?.version ?? '';
    for (const [fragment, { message }] of refused ?? []) found.push({ name: at.name, fragment, version, message });
  }
  return found;
}
