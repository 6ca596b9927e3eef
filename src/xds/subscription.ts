import { acceptResumed } from './answers.ts';
import { versionOf } from './batches.ts';
import { markNow, type StreamContext } from './stream-context.ts';
import { entryOf, forget, fullStateTypes, markRemoval, markUpdate, type TypeState } from './stream-state.ts';

/** The client broke the protocol; its stream ends with INVALID_ARGUMENT. */
export class InvalidRequest extends Error {
  override name = 'InvalidRequest';
}

/** Bytes of one name, and names of one type on one stream: far above what Envoy sends, low enough to survive malice. */
const maxName = 4096;
const maxNames = 1_000_000;

export function checkNames(state: TypeState, names: readonly string[]): void {
  if (state.names.size + names.length > maxNames) throw new InvalidRequest(`more than ${maxNames} ${state.type}`);
  for (const name of names) if (name.length > maxName) throw new InvalidRequest(`a name of ${name.length} characters`);
}

/**
 * Delta: names to add. On a stream's first request of a type an empty list means all of it (where the type has that), and
 * `versions` says what the client holds from an earlier stream: only what differs is sent, and what is gone is removed.
 * A name asked for again is sent again.
 */
export function subscribe(
  stream: StreamContext,
  state: TypeState,
  names: readonly string[],
  first: boolean,
  versions: Readonly<Record<string, string>>,
): void {
  const legacyWildcard = first && names.length === 0 && fullStateTypes.has(state.type);
  const held = new Map(Object.entries(versions));
  for (const name of names) {
    if (name === '*') continue;
    state.names.add(name);
    want(stream, state, name, held.get(name));
  }
  if (!legacyWildcard && !names.includes('*')) return;
  if (state.wildcard) return;
  state.wildcard = true;
  for (const name of stream.cache.all(state.type).keys()) {
    if (!state.names.has(name)) want(stream, state, name, held.get(name));
  }
  for (const name of new Set([...held.keys(), ...state.doubts.keys()])) {
    if (state.names.has(name) || stream.cache.get(state.type, name) !== undefined) continue;
    resume(stream, state, name, held.get(name));
    markRemoval(state, name, markNow(stream));
  }
  state.owesAnswer = held.size === 0;
}

/** Delta: names to drop. One that the wildcard still covers is sent again, as the client may have dropped it. */
export function unsubscribe(stream: StreamContext, state: TypeState, names: readonly string[]): void {
  for (const name of names) {
    if (name === '*') {
      state.wildcard = false;
      for (const known of [...state.entries.keys(), ...state.updates.keys()]) {
        if (!state.names.has(known)) forget(state, known);
      }
      continue;
    }
    if (!state.names.delete(name)) continue;
    if (!state.wildcard) forget(state, name);
    else want(stream, state, name, undefined);
  }
}

/**
 * State of the world: the names that the client wants now. `version` is what it holds of a type of which responses are
 * whole; if that is the present state and nothing is owed, nothing is sent.
 */
export function setNames(
  stream: StreamContext,
  state: TypeState,
  list: readonly string[],
  first: boolean,
  version: string,
): void {
  if (list.length > 0) state.named = true;
  const names = new Set(list);
  const wildcard = names.delete('*') || (!state.named && fullStateTypes.has(state.type));
  const before = state.entries.size;
  if (wildcard && !state.wildcard) {
    state.wildcard = true;
    for (const name of stream.cache.all(state.type).keys()) want(stream, state, name, undefined);
    state.owesAnswer = true;
  }
  for (const name of names) {
    if (state.names.has(name)) continue;
    state.names.add(name);
    if (!state.entries.has(name)) want(stream, state, name, undefined);
  }
  for (const name of state.names) if (!names.has(name)) state.names.delete(name);
  if (!wildcard) {
    state.wildcard = false;
    for (const name of [...state.entries.keys(), ...state.absent, ...state.updates.keys()]) {
      if (!names.has(name)) forget(state, name);
    }
  }
  if (first && before === 0 && version !== '' && fullStateTypes.has(state.type)) resumeWhole(stream, state, version);
}

/** Notes what a name that has just become interesting needs. */
function want(stream: StreamContext, state: TypeState, name: string, version: string | undefined): void {
  const resource = stream.cache.get(state.type, name);
  resume(stream, state, name, version);
  if (resource === undefined) {
    if (version === undefined) state.absent.add(name);
    else markRemoval(state, name, markNow(stream));
    return;
  }
  const entry = entryOf(state, name);
  // A new watch may take what an earlier one refused.
  if (entry.trouble?.bad !== undefined) entry.trouble = undefined;
  if (version === resource.version && !entry.unsure) {
    acceptResumed(stream, entry, resource);
    if (!state.forced.has(name)) return;
  } else if (version === undefined && (entry.good !== undefined || entry.flight !== undefined)) state.forced.add(name);
  markUpdate(state, name, markNow(stream));
}

/** @param version what the client says that it has from an earlier stream; state of the world says that of no single name */
function resume(stream: StreamContext, state: TypeState, name: string, version: string | undefined): void {
  const isDoubtful = state.doubts.has(name) && (stream.protocol === 'sotw' || state.doubts.get(name) === version);
  state.doubts.delete(name);
  if (isDoubtful) entryOf(state, name).unsure = true;
  if (version === undefined) return;
  const known = stream.ledger.lastGood(state.type, name);
  entryOf(state, name).good = { version, resource: known?.version === version ? known : undefined };
}

function resumeWhole(stream: StreamContext, state: TypeState, version: string): void {
  if ([...state.updates.keys()].some((name) => state.forced.has(name) || state.entries.get(name)?.unsure)) return;
  const resources = [...state.updates.keys()].flatMap((name) => stream.cache.get(state.type, name) ?? []);
  if (versionOf(resources) !== version) return;
  for (const resource of resources) acceptResumed(stream, entryOf(state, resource.name), resource);
  state.updates.clear();
  state.owesAnswer = false;
}
