import type { Resource } from '../mesh/envoy/resource.ts';
import { accepted, retryAfterRemovals } from './answers.ts';
import { chunkSize, chunksOfNames, earliest, fullState, versionOf } from './batches.ts';
import { formToSend } from './forms.ts';
import {
  ClusterGate,
  flightFloor,
  type HeldBack,
  heldBack,
  holdsListeners,
  makeFloor,
  makeOrder,
  removalOrder,
} from './gate.ts';
import { edsNameOf, routeTableOf } from './references.ts';
import { markNow, refusingEntries, type StreamContext, stateOf } from './stream-context.ts';
import {
  entryOf,
  type Flight,
  type FlightItem,
  forget,
  fullStateTypes,
  interested,
  type Mark,
  type Removal,
  type TypeState,
} from './stream-state.ts';
import { deltaResponse, encodedSize, sotwResponse } from './wire.ts';

/** Unanswered responses remembered for one type: a client that never answers must not cost memory without end. */
const maxFlights = 1024;
/** ms to wait for a cluster ACK while an older one is overdue: Envoy sends none at all as long as any cluster is warming. */
const stuckWait = 100;

export interface OutboxOptions {
  readonly stream: StreamContext;
  /** False: the transport is full; go on at `drained`. */
  readonly write: (message: Buffer) => boolean;
  /** ms to wait for an answer before what depends on it goes on without. */
  readonly answerTimeout: number;
}

/** Decides what to send next on one stream, and sends it. */
export class Outbox {
  readonly #stream: StreamContext;
  readonly #write: (message: Buffer) => boolean;
  readonly #answerTimeout: number;
  #nonce = 0;
  #blocked = false;
  #pumping = false;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #resuming: NodeJS.Timeout | undefined;

  constructor({ stream, write, answerTimeout }: OutboxOptions) {
    this.#stream = stream;
    this.#write = write;
    this.#answerTimeout = answerTimeout;
  }

  drained(): void {
    this.#blocked = false;
    this.pump();
  }

  close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#resuming);
  }

  /**
   * The client resumes: it names its clusters before its route tables, so what is gone can't be told from what its tables
   * still use until it has named those too. Clusters and endpoints are not removed before `grace` ms are over.
   */
  resume(grace: number): void {
    this.#resuming ??= setTimeout(() => this.resumed(), grace).unref();
  }

  /** The client has had the time to name everything. */
  resumed(): void {
    clearTimeout(this.#resuming);
    this.#resuming = undefined;
    this.pump();
  }

  /** Names of clusters and endpoints whose removal waits for a refused resource to be fixed. */
  held(): HeldBack {
    return heldBack(this.#stream.states, refusingEntries(this.#stream));
  }

  /** Sends all that may go now. */
  pump(): void {
    if (this.#pumping) {
      this.#again = true;
      return;
    }
    this.#pumping = true;
    try {
      do {
        this.#again = false;
        if (this.#stream.closed) return;
        retryAfterRemovals(this.#stream);
        if (!this.#blocked) this.#sendAll();
      } while (this.#again);
    } finally {
      this.#pumping = false;
    }
    this.#armTimer();
  }

  #sendAll(): void {
    let gate: ClusterGate | undefined;
    for (const type of makeOrder) {
      const state = stateOf(this.#stream, type);
      if (!state.started || !this.#mayStart(state)) continue;
      if (type !== 'clusters' && state.updates.size + state.groups.length > 0) {
        gate ??= new ClusterGate(stateOf(this.#stream, 'clusters'));
      }
      this.#sendGroups(state, gate);
      if (!this.#blocked) this.#sendAbsent(state);
      if (!this.#blocked) this.#sendUpdates(state, gate);
      if (this.#blocked) return;
    }
    this.#sendRemovals();
  }

  /** State of the world has one nonce that counts, so one response at a time. */
  #mayStart(state: TypeState): boolean {
    return this.#stream.protocol === 'delta' || !state.flights.values().some(({ overdue }) => !overdue);
  }

  #sendGroups(state: TypeState, gate: ClusterGate | undefined): void {
    while (state.groups.length > 0 && !this.#blocked && this.#mayStart(state)) {
      const items: FlightItem[] = [];
      for (const [name, mark] of state.groups.shift() ?? []) {
        const item = this.#prepare(state, name, mark, gate);
        if (item === 'wait') state.updates.set(name, mark);
        else if (item !== undefined) {
          state.updates.delete(name);
          items.push(item);
        }
      }
      if (items.length > 0) this.#transmit(state, 'update', items, []);
    }
  }

  #sendAbsent(state: TypeState): void {
    if (state.absent.size === 0) return;
    const names = [...state.absent];
    state.absent.clear();
    // State of the world has no way to say so, other than by leaving the name out.
    if (this.#stream.protocol === 'sotw') state.owesAnswer ||= fullStateTypes.has(state.type);
    else for (const chunk of chunksOfNames(names)) this.#transmit(state, 'absent', [], chunk);
  }

  #sendUpdates(state: TypeState, gate: ClusterGate | undefined): void {
    const { protocol } = this.#stream;
    const full = protocol === 'sotw' && fullStateTypes.has(state.type);
    let items: FlightItem[] = [];
    let size = 0;
    let waiting = false;
    const hold =
      state.type === 'listeners' &&
      state.updates.size > 0 &&
      holdsListeners(stateOf(this.#stream, 'scoped-routes'), stateOf(this.#stream, 'routes'));
    for (const [name, mark] of state.updates) {
      if (!this.#mayStart(state)) return;
      const changed = state.entries.get(name)?.good !== undefined;
      const item = hold && changed ? 'wait' : this.#prepare(state, name, mark, gate);
      if (item === 'wait') {
        waiting = true;
        continue;
      }
      state.updates.delete(name);
      if (item === undefined) continue;
      const bytes = encodedSize(protocol, item.form);
      if (size + bytes > chunkSize && items.length > 0 && !full) {
        this.#transmit(state, 'update', items, []);
        items = [];
        size = 0;
        if (this.#blocked || !this.#mayStart(state)) {
          state.updates.set(name, mark);
          return;
        }
      }
      items.push(item);
      size += bytes;
    }
    if (items.length > 0 || (state.owesAnswer && !waiting)) this.#transmit(state, 'update', items, []);
  }

  /** What to send for a name: nothing if the client has it, or refused it; `wait` if something must come first. */
  #prepare(state: TypeState, name: string, mark: Mark, gate: ClusterGate | undefined): FlightItem | 'wait' | undefined {
    const resource = this.#stream.cache.get(state.type, name);
    if (resource === undefined) return undefined;
    const entry = entryOf(state, name);
    // Endpoints that a changed cluster waits for must come after it, so one on its way already will not do.
    const again = state.type === 'endpoints' && state.forced.has(name);
    if (entry.flight !== undefined && !again) return 'wait';
    const { trouble } = entry;
    const form =
      trouble === undefined
        ? resource
        : formToSend(resource, trouble, entry.good?.resource ?? this.#stream.ledger.lastGood(state.type, name));
    const unchanged = form === undefined || (form.version === entry.good?.version && !entry.unsure);
    if (unchanged && (form === undefined || !state.forced.has(name))) {
      // Back to what was in force all along: a refusal of the version between does not stand any more.
      if (form !== undefined && trouble !== undefined) accepted(this.#stream, entry, form, resource);
      return undefined;
    }
    if (gate?.blocks(state.type, form)) return 'wait';
    return { name, entry, form, mark };
  }

  #sendRemovals(): void {
    const { states, protocol } = this.#stream;
    if (!states.values().some(({ removals }) => removals.size > 0)) return;
    let floor = makeFloor(states.values());
    const held = this.held();
    for (const type of removalOrder) {
      const state = stateOf(this.#stream, type);
      const keep = type === 'clusters' ? held.clusters : type === 'endpoints' ? held.endpoints : undefined;
      const due: string[] = [];
      let left = flightFloor(state.flights, 'removal');
      const early = keep !== undefined && this.#resuming !== undefined;
      for (const [name, mark] of state.removals) {
        if (keep?.has(name)) continue;
        if (!early && mark.sequence < floor && this.#mayStart(state) && !this.#blocked) due.push(name);
        else left = Math.min(left, mark.since);
      }
      const silent = protocol === 'sotw' && !fullStateTypes.has(type);
      for (const names of protocol === 'delta' ? chunksOfNames(due) : due.length > 0 ? [due] : []) {
        const removals = names.map((name) => state.removals.get(name) as Removal);
        const mark = earliest(removals.map(({ since, at }) => ({ sequence: since, at })));
        for (const name of names) {
          forget(state, name);
        }
        if (silent) continue;
        this.#transmit(state, 'removal', [], names, mark);
        left = Math.min(left, mark.sequence);
      }
      floor = Math.min(floor, left);
    }
  }

  #transmit(
    state: TypeState,
    kind: Flight['kind'],
    items: readonly FlightItem[],
    removed: readonly string[],
    mark: Mark = items.length > 0 ? earliest(items.map((item) => item.mark)) : markNow(this.#stream),
  ): void {
    const { protocol, meters } = this.#stream;
    const nonce = (++this.#nonce).toString(36);
    const flight: Flight = { nonce, kind, items, removed, mark, sentAt: performance.now(), overdue: false };
    const sent = items.map(({ form }) => form);
    for (const { name, entry } of items) {
      entry.flight = flight;
      state.forced.delete(name);
    }
    let message: Buffer;
    let changed = sent;
    if (protocol === 'delta') message = deltaResponse(state.type, nonce, sent, removed);
    else {
      let resources = sent;
      if (fullStateTypes.has(state.type)) {
        resources = fullState(state, flight, this.#stream.ledger);
        // The client may have another form in force than the one that the whole has of it: then that is a change, too.
        const isNew = new Set(sent);
        changed = resources.filter((form) => isNew.has(form) || state.entries.get(form.name)?.unsure);
      }
      state.lastVersion = versionOf(resources);
      message = sotwResponse(state.type, nonce, state.lastVersion, resources);
    }
    state.owesAnswer = false;
    state.lastNonce = nonce;
    state.flights.set(nonce, flight);
    if (state.flights.size > maxFlights) state.flights.delete(state.flights.keys().next().value as string);
    meters.sent(state.type, items.length + removed.length, message.length);
    if (state.type === 'clusters') this.#forceEndpoints(state, changed);
    if (state.type === 'scoped-routes' && protocol === 'delta') this.#sendTables(items);
    if (!this.#write(message)) this.#blocked = true;
  }

  /**
   * Envoy builds a changed cluster anew and waits for its endpoints, but does not ask for them again; nor for those of a cluster
   * that went and came back before it had sent word.
   */
  #forceEndpoints({ entries }: TypeState, clusters: readonly Resource[]): void {
    const endpoints = stateOf(this.#stream, 'endpoints');
    for (const cluster of clusters) {
      const { good, unsure } = entries.get(cluster.name) ?? {};
      // The client has it in another form, or may have.
      const isReplaced = good !== undefined || unsure === true;
      if (!endpoints.started && !isReplaced) continue;
      const name = edsNameOf(cluster);
      if (name === undefined) continue;
      const present = this.#stream.cache.get('endpoints', name) !== undefined;
      const subscribed = interested(endpoints, name);
      // Those that are about to go may be back before they have gone; those of a client that resumes, too, once it has named them.
      if (!present && endpoints.started && !endpoints.removals.has(name)) continue;
      if (!subscribed && !isReplaced) continue;
      // Where it has not subscribed on this stream yet, it will, and say that it has this version.
      endpoints.forced.add(name);
      if (present && subscribed && !endpoints.updates.has(name)) endpoints.updates.set(name, markNow(this.#stream));
    }
  }

  /** What a client will ask for next: saves a round trip, as the watch for a table stands as soon as the scope before it on the stream is taken in. */
  #sendTables(scopes: readonly FlightItem[]): void {
    const routes = stateOf(this.#stream, 'routes');
    if (!routes.started) return;
    for (const { form, mark } of scopes) {
      const name = routeTableOf(form);
      if (name === undefined || routes.entries.has(name) || routes.updates.has(name)) continue;
      if (this.#stream.cache.get('routes', name) !== undefined) routes.updates.set(name, mark);
    }
  }

  /** Wakes up when the next unanswered response has been waited for long enough. */
  #armTimer(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const state of this.#stream.states.values()) next = Math.min(next, this.#deadline(state));
    if (next >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = next;
    this.#timer = setTimeout(() => this.#expire(), Math.max(1, next - performance.now()));
    this.#timer.unref();
  }

  #deadline(state: TypeState): number {
    let stuck = false;
    for (const { overdue, sentAt } of state.flights.values()) {
      if (!overdue) return sentAt + (stuck && state.type === 'clusters' ? stuckWait : this.#answerTimeout);
      stuck = true;
    }
    return Number.POSITIVE_INFINITY;
  }

  #expire(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    for (const state of this.#stream.states.values()) {
      while (this.#deadline(state) <= now) {
        const flight = state.flights.values().find(({ overdue }) => !overdue) as Flight;
        flight.overdue = true;
        this.#stream.meters.overdue(state.type);
        this.#stream.log.warn(
          {
            stream: this.#stream.id,
            type: state.type,
            resources: flight.items.slice(0, 5).map(({ name }) => name),
            count: flight.items.length + flight.removed.length,
          },
          'no answer to a response in time: going on without it',
        );
        for (const { entry, form } of flight.items) {
          if (entry.flight !== flight) continue;
          entry.flight = undefined;
          entry.unsure = true;
          // What a full response leaves out would be removed.
          if (this.#stream.protocol === 'sotw') entry.good = { version: form.version, resource: form };
        }
      }
    }
    this.pump();
  }
}
