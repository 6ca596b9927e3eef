import { equal } from '../lib/equal.ts';
import { Collection } from './collection.ts';
import type { Dependent, Dependents, Readers } from './dependents.ts';
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

/** An index, whatever its values. */
export interface Joined {
  readonly of: Ranked;
  onEach(listener: (indexKey: string) => void): void;
}

export interface Derivation<V> {
  readonly name: string;
  /**
   * Indexes whose keys are those of the inputs, which `map` reads at its own key without `fetch`: for what hardly any input
   * has, so that nothing needs to be remembered of those that have none.
   */
  readonly joined?: readonly Joined[];
  /** Equal outputs are dropped, so that nothing downstream runs. Default: structural equality. */
  readonly equal?: (a: V, b: V) => boolean;
}

/** One input's computation: what it read and what it gave. */
class Cell<V> implements Dependent, Fetch {
  readonly owner: DerivedCollection<V>;
  key: string;
  /** The keys of what it gave; one alone without an array around it. */
  outputs: string | readonly string[] = none;
  /** Where it is among those who read a key. */
  #reads: Readers[] = noReads;
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
    for (const readers of this.#reads) readers.delete(this);
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
    const readers = dependents.add(key, this);
    if (this.#reads === noReads) this.#reads = [readers];
    else this.#reads.push(readers);
  }
  #check(collection: Ranked): void {
    checkOrder(this.owner, collection);
  }
}

type Ranked = Pick<Collection<unknown>, 'rank' | 'name'>;

function checkOrder(reader: Ranked, collection: Ranked): void {
  if (collection.rank < reader.rank) return;
  throw new Error(`bug: ${reader.name} reads ${collection.name}, which was created after it`);
}

/**
 * A collection computed from others: `compute(fetch, inputKey)` gives an input's outputs and is run again only for inputs
 * whose own value, or anything they fetched, has changed (the idea of Istio's krt). Made by `Store.derive` and `Store.group`.
 */
export class DerivedCollection<V> extends Collection<V> {
  readonly #compute: (fetch: Fetch, inputKey: string) => Outputs<V> | undefined;
  readonly #equal: (a: V, b: V) => boolean;
  /** By input. One that read nothing and gave one output, as most did, is kept as the key of that output. */
  readonly #cells = new Map<string, Cell<V> | string>();
  /** For the next computation that is not kept as a cell. */
  #spare: Cell<V> | undefined;
  #dirty = new Set<string>();
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
    for (const index of derivation.joined ?? []) {
      checkOrder(this, index.of);
      index.onEach((key) => this.markDirty(key));
    }
  }

  get dirty(): number {
    return this.#dirty.size;
  }

  /** @internal Whether an input gave anything, or read anything, when it was last computed. */
  hasInput(inputKey: string): boolean {
    return this.#cells.has(inputKey);
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
    const dirty = this.#dirty;
    this.#dirty = new Set();
    // An output may move from one input to another in the same turn, so every write waits until all have been computed.
    const keys: string[] = [];
    const values: V[] = [];
    const gone = new Set<string>();
    for (const inputKey of dirty) {
      const before = this.#cells.get(inputKey);
      let cell: Cell<V>;
      if (before instanceof Cell) {
        cell = before;
        cell.release();
        if (typeof cell.outputs === 'string') gone.add(cell.outputs);
        else for (const key of cell.outputs) gone.add(key);
      } else {
        cell = this.#spare ?? new Cell<V>(this, inputKey);
        cell.key = inputKey;
        this.#spare = undefined;
        if (before !== undefined) gone.add(before);
      }
      const outputs = this.#compute(cell, inputKey);
      this.runs++;
      const first = keys.length;
      if (outputs === undefined) cell.release();
      else if (Array.isArray(outputs))
        // By far the most: twice as fast as by iterators.
        for (let i = 0; i < outputs.length; i++) {
          const output = outputs[i] as readonly [string, V];
          keys.push(output[0]);
          values.push(output[1]);
        }
      else
        for (const [key, value] of outputs) {
          keys.push(key);
          values.push(value);
        }
      this.#keep(cell, before, keys, first);
    }
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      const value = values[i] as V;
      const old = this.items.get(key);
      // What is there already was this turn's to replace, once: else another input has just given it, or gave it before.
      if (old !== undefined && !gone.delete(key))
        throw new Error(`bug: ${this.name}: two inputs give the output ${key}`);
      if (old === undefined || !this.#equal(old, value)) this.replace(key, old, value);
    }
    for (const key of gone) this.replace(key, this.items.get(key), undefined);
    this.busy += performance.now() - start;
  }

  /** Takes note of what an input's computation read, and of the outputs that it gave: `keys` from `first` on. */
  #keep(cell: Cell<V>, before: Cell<V> | string | undefined, keys: readonly string[], first: number): void {
    const count = keys.length - first;
    if (count <= 1 && !cell.reads) {
      const only = keys[first];
      // Many inputs give nothing (a diagnostic for each object, say): they cost nothing either.
      if (only === undefined) this.#cells.delete(cell.key);
      else if (only !== before) this.#cells.set(cell.key, only);
      cell.outputs = none;
      this.#spare = cell;
      return;
    }
    cell.outputs = count === 0 ? none : count === 1 ? (keys[first] as string) : keys.slice(first);
    cell.trim();
    if (cell !== before) this.#cells.set(cell.key, cell);
  }
}

const none: readonly string[] = [];
const noReads: Readers[] = [];
