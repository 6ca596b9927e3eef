import { Fault } from '../../lib/fault.ts';
import type { Refusal, TypedMap } from '../maps/index.ts';

export interface ReconcileOptions<V> {
  /**
   * Whether what the kernel has is as wanted, where it is not byte for byte: a program may keep counters of its own in the value.
   */
  readonly same?: (wanted: V, found: V) => boolean;
}

export interface ReconcileReport {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
}

/**
 * Keeps one map as it should be, writing only what differs. It knows how many entries there are, not which: what is wanted is
 * kept by who wants it. What the kernel refuses (a full map, most of all) is remembered, reported as `fault`, and tried again when
 * there is room; everything else goes on.
 */
export class MapReconciler<K, V> {
  readonly map: TypedMap<K, V>;
  readonly #same: ((wanted: V, found: V) => boolean) | undefined;
  readonly #refused = new Map<string, { key: K; value: V; fault: Fault }>();
  readonly #key: DataView;
  #size = 0;

  constructor(map: TypedMap<K, V>, { same }: ReconcileOptions<V> = {}) {
    this.map = map;
    this.#same = same;
    this.#key = new DataView(new ArrayBuffer(map.keyLayout.size));
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

  /** Why some are not in force. */
  get fault(): Fault | undefined {
    const first = this.#refused.values().next().value;
    if (first === undefined) return undefined;
    const { code, message, hint } = first.fault;
    const text = this.#refused.size === 1 ? message : `${message} (${this.#refused.size} entries are not in force)`;
    return new Fault(code, text, { cause: first.fault, ...(hint === undefined ? {} : { hint }) });
  }

  /**
   * Makes the map hold this and nothing else, whatever was in it: at the start, and where somebody else may have written.
   * Writes first, then removes.
   * @throws Fault where the map cannot be read
   */
  replace(wanted: Iterable<readonly [K, V]>): ReconcileReport {
    const missing = new Map<string, readonly [K, V]>();
    for (const pair of wanted) missing.set(this.#textOf(pair[0]), pair);
    const differing: (readonly [K, V])[] = [];
    const stale = new Map<string, K>();
    const seen = new Set<string>();
    for (const [key, found] of this.map.entries()) {
      const text = this.#textOf(key);
      // A hash map that somebody writes to may show an entry twice.
      if (seen.has(text)) continue;
      seen.add(text);
      const pair = missing.get(text);
      if (pair === undefined) stale.set(text, key);
      else {
        missing.delete(text);
        if (!this.#isSame(pair[1], found)) differing.push(pair);
      }
    }
    this.#size = seen.size;
    this.#refused.clear();
    const changed = this.#write(differing);
    const added = this.#write(missing.values());
    this.#size += added;
    const removed = this.remove(stale.values());
    return { added, changed, removed };
  }

  /** Writes these, and nothing else. Answers how many are in force. */
  upsert(pairs: Iterable<readonly [K, V]>): number {
    let written = 0;
    for (const [key, value] of pairs) {
      try {
        if (this.map.set(key, value)) this.#size++;
        this.#forgive(key);
        written++;
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        this.#refused.set(this.#textOf(key), { key, value, fault: error });
      }
    }
    return written;
  }

  /** Removes these; then there may be room for what was refused. Answers how many there were. */
  remove(keys: Iterable<K>): number {
    const list = Array.isArray(keys) ? (keys as readonly K[]) : [...keys];
    for (const key of list) this.#forgive(key);
    const removed = this.map.deleteMany(list);
    this.#size -= removed;
    if (removed > 0) this.retry();
    return removed;
  }

  /** Tries again what was refused. Answers how many of these are in force now. */
  retry(): number {
    if (this.#refused.size === 0) return 0;
    return this.upsert(Array.from(this.#refused.values(), ({ key, value }) => [key, value] as const));
  }

  #write(pairs: Iterable<readonly [K, V]>): number {
    return this.map.setMany(pairs, ({ key, value, fault }) => {
      this.#refused.set(this.#textOf(key), { key, value, fault });
    });
  }

  /** Naming a key costs as much as writing it does: only where some were refused. */
  #forgive(key: K): void {
    if (this.#refused.size > 0) this.#refused.delete(this.#textOf(key));
  }

  #isSame(wanted: V, found: V): boolean {
    if (this.#same) return this.#same(wanted, found);
    const { valueLayout } = this.map;
    const [a, b] = [wanted, found].map((value) => {
      const view = new DataView(new ArrayBuffer(valueLayout.size));
      valueLayout.encode(value, view);
      return Buffer.from(view.buffer);
    }) as [Buffer, Buffer];
    return a.equals(b);
  }

  #textOf(key: K): string {
    this.map.keyLayout.encode(key, this.#key);
    return Buffer.from(this.#key.buffer).toString('latin1');
  }
}
