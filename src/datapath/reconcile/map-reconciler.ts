import { Fault } from '../../lib/fault.ts';
import type { Refusal, TypedMap } from '../maps/index.ts';
import { type Desired, keyNames } from './desired.ts';

export interface ReconcileOptions<V = never> {
  /** Bytes of the value that are the agent's: after them programs keep counters of their own. Not given: all. */
  readonly ownBytes?: number;
  /** Entries that get room before others: written before them, and tried again before them. Not given: none. */
  readonly comesFirst?: (value: V) => boolean;
}

type Pair<K, V> = readonly [K, V];

export interface ReconcileReport {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
}

/** Entries that are looked at in one go: a few milliseconds. */
const checkedAtOnce = 1024;

/**
 * Keeps one map as it should be, writing only what differs. It knows how many entries there are, not which: what is wanted is
 * kept by who wants it. What the kernel refuses (a full map, most of all) is remembered, reported as `fault`, and tried again when
 * there is room, and with each check; everything else goes on.
 */
export class MapReconciler<K, V> {
  readonly map: TypedMap<K, V>;
  readonly #ownBytes: number;
  readonly #comesFirst: ((value: V) => boolean) | undefined;
  readonly #refused = new Map<string, { key: K; value: V; fault: Fault }>();
  readonly #undeleted = new Map<string, { key: K; fault: Fault }>();
  readonly #name: (key: K) => string;
  readonly #value: DataView;
  readonly #own: Uint8Array;
  #size = 0;
  #errors = 0;
  #mended = 0;
  /** Rises with each write, so that a check knows whether it saw the map at rest. */
  #writes = 0;

  constructor(map: TypedMap<K, V>, { ownBytes = map.valueLayout.size, comesFirst }: ReconcileOptions<V> = {}) {
    this.map = map;
    this.#ownBytes = ownBytes;
    this.#comesFirst = comesFirst;
    this.#name = keyNames(map.keyLayout);
    this.#value = new DataView(new ArrayBuffer(map.valueLayout.size));
    this.#own = new Uint8Array(this.#value.buffer, 0, ownBytes);
  }

  /** Entries in the kernel's map. */
  get size(): number {
    return this.#size;
  }
  /** 1: full. */
  get pressure(): number {
    return this.#size / this.map.maxEntries;
  }
  /** Entries that are wanted, and not in force. */
  get refused(): number {
    return this.#refused.size;
  }
  /** Each of these, and why it is not. */
  refusals(): Iterable<Refusal<K, V>> {
    return this.#refused.values();
  }
  /** Writes and removals that the kernel refused, of all time. */
  get errors(): number {
    return this.#errors;
  }
  /** Entries that checks found as they should not be, of all time. */
  get mended(): number {
    return this.#mended;
  }

  /** Why some are not in force, or still are. */
  get fault(): Fault | undefined {
    const isRefused = this.#refused.size > 0;
    const all = isRefused ? this.#refused : this.#undeleted;
    const first = all.values().next().value;
    if (first === undefined) return undefined;
    const { code, message, hint } = first.fault;
    const what = isRefused ? 'entries are not in force' : 'entries are still there';
    const text = all.size === 1 ? message : `${message} (${all.size} ${what})`;
    return new Fault(code, text, { cause: first.fault, ...(hint === undefined ? {} : { hint }) });
  }

  /**
   * Makes the map hold this and nothing else, whatever was in it. Writes first, then removes.
   * @throws Fault where the map cannot be read
   */
  replace(wanted: Iterable<readonly [K, V]>): ReconcileReport {
    const { added, changed, stale } = this.takeOver(wanted);
    return { added, changed, removed: this.remove(stale.map(([key]) => key)) };
  }

  /**
   * Makes the map hold this, whatever was in it, writing in the order given, but for what comes first; what it should not hold is `stale`,
   * and the caller's to remove.
   * @throws Fault where the map cannot be read
   */
  takeOver(
    wanted: Iterable<readonly [K, V]>,
  ): Pick<ReconcileReport, 'added' | 'changed'> & { readonly stale: readonly (readonly [K, V])[] } {
    const missing = new Map<string, readonly [K, V]>();
    for (const pair of wanted) missing.set(this.#name(pair[0]), pair);
    const differing = new Set<string>();
    const stale: (readonly [K, V])[] = [];
    const seen = new Set<string>();
    const { keyLayout, valueLayout } = this.map;
    for (const { keys, values, count } of this.map.batches())
      for (let index = 0; index < count; index++) {
        const keyAt = index * keyLayout.size;
        const text = Buffer.from(keys.buffer, keys.byteOffset + keyAt, keyLayout.size).toString('latin1');
        // A hash map that somebody writes to may show an entry twice.
        if (seen.has(text)) continue;
        seen.add(text);
        const pair = missing.get(text);
        const valueAt = index * valueLayout.size;
        if (pair === undefined) stale.push([keyLayout.decode(keys, keyAt), valueLayout.decode(values, valueAt)]);
        else if (this.#isFound(pair[1], values, valueAt)) missing.delete(text);
        else differing.add(text);
      }
    this.#size = seen.size;
    this.#refused.clear();
    this.#undeleted.clear();
    this.#writes++;
    const written = this.map.setMany(this.#firstThose(missing.values()), ({ key, value, fault }) =>
      this.#refuse(key, value, fault),
    );
    const unchanged = [...this.#refused.keys()].filter((text) => differing.has(text)).length;
    const changed = differing.size - unchanged;
    this.#size += written - changed;
    return { added: written - changed, changed, stale };
  }

  /** Writes these, and nothing else. Answers how many are in force. */
  upsert(pairs: Iterable<readonly [K, V]>): number {
    let written = 0;
    for (const [key, value] of pairs) {
      this.#writes++;
      try {
        if (this.map.set(key, value)) this.#size++;
        this.#forgive(key);
        written++;
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        this.#refuse(key, value, error);
      }
    }
    return written;
  }

  /** Removes these; then there may be room for what was refused. Answers how many there were. */
  remove(keys: Iterable<K>): number {
    const list = Array.isArray(keys) ? (keys as readonly K[]) : [...keys];
    for (const key of list) this.#forgive(key);
    const removed = this.#delete(list);
    if (removed > 0) this.retry();
    return removed;
  }

  /** Tries again what was refused. Answers how many entries are in force now that were not. */
  retry(): number {
    if (this.#undeleted.size > 0) {
      const keys = Array.from(this.#undeleted.values(), ({ key }) => key);
      this.#undeleted.clear();
      this.#delete(keys);
    }
    if (this.#refused.size === 0) return 0;
    return this.upsert(this.#firstThose(Array.from(this.#refused.values(), ({ key, value }) => [key, value] as const)));
  }

  /**
   * Of a map that has no room for what comes first: takes others out for it, which count as refused from then on.
   * @param others that may have to go, the first ones rather than the last
   */
  giveRoom(others: Iterable<readonly [K, V]>): void {
    const isWaiting = ({ value, fault }: Refusal<K, V>) => fault.code === 'MAP_E2BIG' && this.#comesFirst?.(value);
    const waiting = [...this.#refused.values()].filter(isWaiting);
    let given = 0;
    for (const [key, value] of others) {
      const taker = waiting[given];
      if (taker === undefined) break;
      if (this.#comesFirst?.(value) || this.#refused.has(this.#name(key)) || this.#delete([key]) === 0) continue;
      this.#refuse(key, value, taker.fault);
      given++;
    }
    this.upsert(waiting.map(({ key, value }) => [key, value] as const));
  }

  /**
   * Reads the map back and makes it what is desired, where somebody else wrote into it. Answers how many entries that were. Stops
   * after each part; see `Stage.check`.
   * @throws Fault where the map cannot be read
   */
  *check(desired: Desired<K, V>): Generator<void, number> {
    this.retry();
    const writes = this.#writes;
    const foreign: K[] = [];
    let seen = 0;
    let mended = 0;
    for (const { keys, values, count } of this.map.batches(checkedAtOnce)) {
      const differing: (readonly [K, V])[] = [];
      for (let index = 0; index < count; index++) {
        const key = this.map.keyLayout.decode(keys, index * this.map.keyLayout.size);
        const wanted = desired.get(key);
        if (wanted === undefined) foreign.push(key);
        else {
          seen++;
          if (!this.#isFound(wanted, values, index * this.map.valueLayout.size)) differing.push([key, wanted]);
        }
      }
      this.upsert(differing);
      mended += this.#count(differing.length);
      yield;
    }
    const isAtRest = this.#writes === writes;
    // Not before the end: the kernel goes on from the last key that it gave.
    mended += this.#count(this.remove(foreign.filter((key) => desired.get(key) === undefined)));
    // Where nobody wrote meanwhile, numbers say whether one is missing; where somebody did, each is asked for.
    if (isAtRest) this.#size = seen + this.#undeleted.size;
    if (!isAtRest || seen !== desired.size - this.refused) mended += yield* this.#fillIn(desired);
    return mended;
  }

  *#fillIn(desired: Desired<K, V>): Generator<void, number> {
    let mended = 0;
    let at = 0;
    for (const key of desired.keys()) {
      if (++at % checkedAtOnce === 0) yield;
      const wanted = desired.get(key);
      if (wanted === undefined || this.#refused.has(this.#name(key))) continue;
      mended += this.#count(this.#add(key, wanted));
    }
    // Not those that were walked past: some may be gone by now, or have come back.
    this.#size = desired.size - this.refused + this.#undeleted.size;
    return mended;
  }

  /** Where there is none. Answers how many there are more. */
  #add(key: K, value: V): number {
    try {
      // Asked twice: a kernel whose tries do not tell (see TypedMap.add) says yes again, and what it wrote was there.
      if (!this.map.add(key, value) || this.map.add(key, value)) return 0;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#refuse(key, value, error);
      return 0;
    }
    this.#writes++;
    return 1;
  }

  #firstThose(pairs: Iterable<Pair<K, V>>): Iterable<Pair<K, V>> {
    return this.#comesFirst === undefined ? pairs : firstThose([...pairs], this.#comesFirst);
  }

  #count(mended: number): number {
    this.#mended += mended;
    return mended;
  }

  #delete(keys: readonly K[]): number {
    this.#writes += keys.length;
    const removed = this.map.deleteMany(keys, (key, fault) => {
      this.#errors++;
      this.#undeleted.set(this.#name(key), { key, fault });
    });
    this.#size -= removed;
    return removed;
  }

  #refuse(key: K, value: V, fault: Fault): void {
    this.#errors++;
    this.#refused.set(this.#name(key), { key, value, fault });
  }

  /** Naming a key costs as much as writing it does: only where some were refused. */
  #forgive(key: K): void {
    if (this.#refused.size > 0) this.#refused.delete(this.#name(key));
    if (this.#undeleted.size > 0) this.#undeleted.delete(this.#name(key));
  }

  #isFound(wanted: V, values: DataView, at: number): boolean {
    this.map.valueLayout.encode(wanted, this.#value);
    return Buffer.compare(this.#own, new Uint8Array(values.buffer, values.byteOffset + at, this.#ownBytes)) === 0;
  }
}

/** The same, those that come first before the others; each in the order that they had. */
export function firstThose<K, V>(
  pairs: readonly Pair<K, V>[],
  comesFirst: (value: V) => boolean,
): readonly Pair<K, V>[] {
  const first = pairs.filter(([, value]) => comesFirst(value));
  return first.length === 0 ? pairs : [...first, ...pairs.filter(([, value]) => !comesFirst(value))];
}
