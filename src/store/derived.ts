import { equal } from '../lib/equal.ts';
import { Collection } from './collection.ts';
import type { Dependent, Dependents } from './dependents.ts';
import type { Index } from './index-of.ts';

/** How a transformation reads other collections: each read is remembered, and a change of what was read runs it again. */
export interface Fetch {
  get<V>(collection: Collection<V>, key: string): V | undefined;
  /** The values under an index key; order is not defined: sort where it matters. */
  by<V>(index: Index<V>, indexKey: string): V[];
  /** How many values are under an index key, at the cost of one. Runs again on any change under it. */
  count<V>(index: Index<V>, indexKey: string): number;
  /** Every value. Runs again on any change of the collection: for small ones only. */
  all<V>(collection: Collection<V>): V[];
}

/** What a transformation gives: outputs by key. Keys must be unique in the whole derived collection: put the input's key into them. */
export type Outputs<V> = Iterable<readonly [key: string, value: V]>;

export interface Derivation<V> {
  readonly name: string;
  /** Equal outputs are dropped, so that nothing downstream runs. Default: structural equality. */
  readonly equal?: (a: V, b: V) => boolean;
}

/** One input's computation: what it read and what it gave. */
class Cell<V> implements Dependent, Fetch {
  readonly owner: DerivedCollection<V>;
  readonly key: string;
  outputs: readonly string[] = none;
  /** What it read by key, in pairs: whose dependents it is among, and the key. */
  #reads: (Dependents | string)[] = noReads;
  #wholes: { deleteDependentOfAll(dependent: Dependent): void }[] | undefined;

  constructor(owner: DerivedCollection<V>, key: string) {
    this.owner = owner;
    this.key = key;
  }
  invalidate(): void {
    this.owner.markDirty(this.key);
  }
  get<T>(collection: Collection<T>, key: string): T | undefined {
    this.#check(collection);
    this.#keep(collection.dependents, key);
    return collection.get(key);
  }
  by<T>(index: Index<T>, indexKey: string): T[] {
    this.#check(index.of);
    this.#keep(index.dependents, indexKey);
    return index.get(indexKey);
  }
  count<T>(index: Index<T>, indexKey: string): number {
    this.#check(index.of);
    this.#keep(index.dependents, indexKey);
    return index.count(indexKey);
  }
  all<T>(collection: Collection<T>): T[] {
    this.#check(collection);
    collection.addDependentOfAll(this);
    this.#wholes ??= [];
    this.#wholes.push(collection);
    return [...collection.values()];
  }
  /** Forgets what it read. */
  release(): void {
    for (let i = 0; i < this.#reads.length; i += 2) {
      (this.#reads[i] as Dependents).delete(this.#reads[i + 1] as string, this);
    }
    this.#reads = noReads;
    for (const whole of this.#wholes ?? []) whole.deleteDependentOfAll(this);
    this.#wholes = undefined;
  }
  /** Whether it read anything. */
  get reads(): boolean {
    return this.#reads.length > 0 || this.#wholes !== undefined;
  }
  /** As long as it needs to be: an array that was pushed to has room for seventeen. */
  trim(): void {
    if (this.#reads.length > 0) this.#reads = this.#reads.slice();
  }
  #keep(dependents: Dependents, key: string): void {
    dependents.add(key, this);
    if (this.#reads === noReads) this.#reads = [dependents, key];
    else this.#reads.push(dependents, key);
  }
  #check(collection: { readonly rank: number; readonly name: string }): void {
    if (collection.rank < this.owner.rank) return;
    throw new Error(`bug: ${this.owner.name} reads ${collection.name}, which was created after it`);
  }
}

/**
 * A collection computed from others: `compute(fetch, inputKey)` gives an input's outputs and is run again only for inputs
 * whose own value, or anything they fetched, has changed (the idea of Istio's krt). Made by `Store.derive` and `Store.group`.
 */
export class DerivedCollection<V> extends Collection<V> {
  readonly #compute: (fetch: Fetch, inputKey: string) => Outputs<V> | undefined;
  readonly #equal: (a: V, b: V) => boolean;
  readonly #cells = new Map<string, Cell<V>>();
  readonly #dirty = new Set<string>();
  readonly #wake: () => void;
  /** How often the transformation ran: what incrementality tests and the metrics look at. */
  runs = 0;
  /** ms spent in {@link refresh}, in all. */
  busy = 0;

  constructor(
    derivation: Derivation<V>,
    rank: number,
    compute: (fetch: Fetch, inputKey: string) => Outputs<V> | undefined,
    wake: () => void,
  ) {
    super(derivation.name, rank);
    this.#compute = compute;
    this.#equal = derivation.equal ?? equal;
    this.#wake = wake;
  }

  get dirty(): number {
    return this.#dirty.size;
  }

  /** @internal */
  markDirty(inputKey: string): void {
    this.#dirty.add(inputKey);
    this.#wake();
  }

  /** @internal Runs what is dirty. All lower ranks are settled by now. */
  refresh(): void {
    if (this.#dirty.size === 0) return;
    const start = performance.now();
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    // An output may move from one input to another in the same turn, so every write waits until all have been computed.
    const given: (readonly [key: string, value: V])[] = [];
    const gone = new Set<string>();
    for (const inputKey of dirty) {
      const before = this.#cells.get(inputKey);
      before?.release();
      const cell = before ?? new Cell<V>(this, inputKey);
      const outputs = this.#compute(cell, inputKey);
      this.runs++;
      for (const key of cell.outputs) gone.add(key);
      if (outputs === undefined) {
        cell.release();
        this.#cells.delete(inputKey);
        continue;
      }
      let keys: string[] | undefined;
      for (const output of outputs) {
        const key = output[0];
        given.push(output);
        if (keys === undefined) keys = [key];
        else keys.push(key);
      }
      cell.outputs = keys ?? none;
      cell.trim();
      // Many inputs give nothing (a diagnostic for each object, say): they cost nothing either.
      if (keys === undefined && !cell.reads) this.#cells.delete(inputKey);
      else this.#cells.set(inputKey, cell);
    }
    for (const [key, value] of given) {
      const old = this.items.get(key);
      // What is there already was this turn's to replace, once: else another input has just given it, or gave it before.
      if (old !== undefined && !gone.delete(key))
        throw new Error(`bug: ${this.name}: two inputs give the output ${key}`);
      if (old === undefined || !this.#equal(old, value)) this.write(key, value);
    }
    for (const key of gone) this.write(key, undefined);
    this.busy += performance.now() - start;
  }
}

const none: readonly string[] = [];
const noReads: (Dependents | string)[] = [];
