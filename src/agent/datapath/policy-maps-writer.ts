import { firstThose, fixedEntries, type MapReconciler, type PolicyMaps } from '../../datapath/index.ts';
import type { PolicyKey, PolicyEntry as PolicyValue } from '../../gen/abi.ts';
import { Fault } from '../../lib/fault.ts';
import type { PolicyEntry, SubjectPolicy } from '../../network/policy/index.ts';
import { policyEntryKey, policyEntryValue } from './encode.ts';
import { PolicyMapStock } from './policy-map-stock.ts';
import { isDeny, policyReconciler } from './policy-reconciler.ts';

interface Held {
  readonly id: number;
  readonly map: MapReconciler<PolicyKey, PolicyValue>;
  users: number;
  /** Rises with each change of its entries. */
  changes: number;
}

type Filled = Pick<Held, 'id' | 'map'>;
type Pair = readonly [PolicyKey, PolicyValue];

/** Maps that are kept. */
const mostSpare = 8;
/** ms after which no program is left that has begun to look into a map for its former endpoint: far more than one packet takes. */
const restOfSpare = 1000;

/**
 * A map for each policy that endpoints have; equal ones share it. Putting a map into the map of maps, or taking it out, waits for an RCU
 * grace period (10 ms), so maps that nobody has any more are kept for policies to come. They keep their entries until then: a program
 * that has begun with an endpoint of before must not find less than its policy. A map of the process before is gone on with where its
 * endpoints have one policy, and nobody else has that one: then only what differs is written, and what its entries have counted stays.
 * Numbers of others go on from its numbers, so that endpoints are never without their policy: old maps go once nothing points at them
 * any more.
 */
export class PolicyMapsWriter {
  readonly #maps: PolicyMaps;
  readonly #proxyPort: number;
  readonly #held = new Map<SubjectPolicy, Held>();
  readonly #former: Set<number>;
  readonly #spare: (Filled & { readonly since: number })[] = [];
  readonly #rest: number;
  /** For policies to come. */
  readonly stock: PolicyMapStock;
  /** Of maps that were taken over: to be removed once all is written. */
  #stale: (() => void)[] = [];
  #next: number;
  #mended = 0;
  /** Of maps that are gone. */
  #errors = 0;

  /** @param proxyPort 0: there is no proxy */
  constructor(maps: PolicyMaps, proxyPort: number, rest = restOfSpare) {
    this.#maps = maps;
    this.#rest = rest;
    this.#proxyPort = proxyPort;
    this.#former = new Set(maps.ids());
    this.#next = Math.max(0, ...this.#former) + 1;
    this.stock = new PolicyMapStock(
      maps,
      () => this.#next++,
      () => this.#maps.maxEntries - this.size - this.#spare.length,
    );
  }

  /**
   * One more user; the map has all its entries when this returns.
   * @param former number of the map of the process before that all of its users may go on with
   * @throws Fault where there can be no more maps
   */
  acquire(subject: SubjectPolicy, former?: number): number {
    const held = this.#held.get(subject);
    if (held !== undefined) {
      held.users++;
      return held.id;
    }
    const entries = this.#pairs(subject.entries());
    const { id, map } =
      (former === undefined ? undefined : this.#adopt(former, entries)) ??
      this.#refill(entries) ??
      this.#fill(entries) ??
      this.#create(entries);
    this.#held.set(subject, { id, map, users: 1, changes: 0 });
    return id;
  }

  /** Call it when no endpoint of the maps points at the policy any more. */
  release(subject: SubjectPolicy): void {
    const held = this.#held.get(subject);
    if (held === undefined || --held.users > 0) return;
    this.#held.delete(subject);
    const { id, map } = held;
    if (this.#spare.length < mostSpare) this.#spare.push({ id, map, since: performance.now() });
    else {
      this.#errors += map.errors;
      if (!this.stock.dispose(id)) this.#delete(id);
    }
  }

  upsert(subject: SubjectPolicy, entries: readonly PolicyEntry[]): void {
    const held = entries.length > 0 ? this.#held.get(subject) : undefined;
    if (held === undefined) return;
    held.changes++;
    const pairs = this.#pairs(entries);
    // What allows gives room to what denies: the map would let through too much without it.
    if (held.map.upsert(pairs) < pairs.length && pairs.some(([, value]) => isDeny(value)))
      held.map.giveRoom(this.#pairs(subject.entries()));
  }
  remove(subject: SubjectPolicy, entries: readonly PolicyEntry[]): void {
    const held = entries.length > 0 ? this.#held.get(subject) : undefined;
    if (held === undefined) return;
    held.changes++;
    held.map.remove(entries.map(policyEntryKey));
  }

  /** Entries of maps that were taken over and that no policy has any more. */
  drain(): void {
    for (const remove of this.#stale.splice(0)) remove();
  }

  /** Maps of the process before that nothing uses now. */
  dropFormer(used: ReadonlySet<number>): void {
    const unused = [...this.#former].filter((id) => !used.has(id));
    for (const id of unused) this.#former.delete(id);
    try {
      this.#maps.deleteMany(unused);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      // One after the other, as it may be one of them only.
      for (const id of unused) this.#delete(id);
    }
  }
  get hasFormer(): boolean {
    return this.#former.size > 0;
  }
  /** Whether one more policy can be acquired. */
  get hasRoom(): boolean {
    return this.#spare.length > 0 || this.stock.size > 0 || this.size < this.#maps.maxEntries;
  }

  /**
   * Makes maps again what they should be, and the map of maps, where somebody else wrote into them; one policy after the other. Answers
   * how many entries were wrong. @param isCurrent whether a subject's entries are still those of its policy
   */
  *check(isCurrent: (subject: SubjectPolicy) => boolean): Generator<void, number> {
    let mended = 0;
    for (const [subject, held] of [...this.#held]) {
      yield;
      if (!this.#held.has(subject) || !isCurrent(subject)) continue;
      mended += this.#reinstate(held.id);
      mended += yield* this.#checkOne(subject, held);
    }
    yield;
    for (const id of [...this.spare(), ...this.stock.ready()]) {
      if (this.#reinstate(id) === 0) continue;
      mended++;
      // Each waits for all processors.
      yield;
    }
    const ours = new Set([
      ...Array.from(this.#held.values(), ({ id }) => id),
      ...this.spare(),
      ...this.#former,
      ...this.stock.ids(),
    ]);
    for (const id of [...this.#maps.ids()]) {
      if (ours.has(id)) continue;
      this.#delete(id);
      mended++;
    }
    this.#mended += mended;
    return mended;
  }
  /** Entries that checks found as they should not be, of all time. */
  get mended(): number {
    return this.#mended;
  }

  /** Numbers of the maps that nobody has. */
  spare(): number[] {
    return this.#spare.map(({ id }) => id);
  }
  idOf(subject: SubjectPolicy): number | undefined {
    return this.#held.get(subject)?.id;
  }
  reconcilers(): MapReconciler<PolicyKey, PolicyValue>[] {
    return Array.from(this.#held.values(), ({ map }) => map);
  }
  /** Entries of all policies. */
  get entries(): number {
    return this.reconcilers().reduce((sum, map) => sum + map.size, 0);
  }
  /** Entries that are wanted, and not in force. */
  get refused(): number {
    return this.reconcilers().reduce((sum, map) => sum + map.refused, 0);
  }
  /** Writes and removals that the kernel refused, of all time. */
  get errors(): number {
    const all = [...this.reconcilers(), ...this.#spare.map(({ map }) => map)];
    return all.reduce((sum, map) => sum + map.errors, this.#errors);
  }
  /** Maps of policies that there are. */
  get size(): number {
    return this.#held.size + this.#former.size;
  }
  /** Of the fullest: 1 is full. */
  get pressure(): number {
    return Math.max(0, ...this.reconcilers().map(({ pressure }) => pressure));
  }

  #create(entries: readonly Pair[]): Filled {
    const id = this.#next++;
    let map: Held['map'] | undefined;
    this.#maps.create(id, (empty) => {
      map = policyReconciler(empty);
      map.replace(entries);
    });
    return { id, map: map! };
  }

  /** Undefined where the map is of another size, or cannot be read. */
  #adopt(id: number, entries: readonly Pair[]): Filled | undefined {
    if (!this.#former.has(id)) return undefined;
    try {
      const there = this.#maps.get(id);
      if (there?.maxEntries !== this.#maps.entriesEach) return undefined;
      const map: Held['map'] = policyReconciler(there);
      const { stale } = map.takeOver(entries);
      this.#stale.push(() => map.remove(denyLast(stale)));
      this.#former.delete(id);
      return { id, map };
    } catch (error) {
      if (error instanceof Fault) return undefined;
      throw error;
    }
  }

  #reinstate(id: number): 0 | 1 {
    if (this.#maps.isInForce(id)) return 0;
    this.#maps.reinstate(id);
    return 1;
  }

  /** A policy that changes meanwhile is left for the next time. */
  *#checkOne(subject: SubjectPolicy, held: Held): Generator<void, number> {
    const wanted = fixedEntries(held.map.map.keyLayout, this.#pairs(subject.entries()));
    const { changes } = held;
    const before = held.map.mended;
    for (const walk = held.map.check(wanted); ; ) {
      const { done, value } = walk.next();
      if (done) return value;
      yield;
      if (this.#held.get(subject) !== held || held.changes !== changes) return held.map.mended - before;
    }
  }

  /** What cannot be deleted is tried again with the next `dropFormer`. */
  #delete(id: number): void {
    try {
      this.#maps.delete(id);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#former.add(id);
    }
  }

  /** The longest unused map, if it has rested, or there is no room for another one. */
  #refill(entries: readonly Pair[]): Filled | undefined {
    const [oldest] = this.#spare;
    if (oldest === undefined) return undefined;
    const isFull = this.size + this.#spare.length + this.stock.size >= this.#maps.maxEntries;
    if (!isFull && performance.now() - oldest.since < this.#rest) return undefined;
    // Entries that are wanted again, too: their counters are another policy's.
    oldest.map.replace([]);
    oldest.map.replace(entries);
    this.#spare.shift();
    return oldest;
  }

  #fill(entries: readonly Pair[]): Filled | undefined {
    const empty = this.stock.take();
    empty?.map.replace(entries);
    return empty;
  }

  #pairs(entries: Iterable<PolicyEntry>): [PolicyKey, PolicyValue][] {
    return Array.from(entries, (entry) => [policyEntryKey(entry), policyEntryValue(entry, this.#proxyPort)]);
  }
}

/** Keys in the order in which they may go. */
function denyLast(pairs: readonly Pair[]): PolicyKey[] {
  return firstThose(pairs, isDeny)
    .map(([key]) => key)
    .reverse();
}
