import { Demand } from './demand.ts';
import { type Dependent, Dependents } from './dependents.ts';
import { Index, type KeysOf } from './index-of.ts';

/** One key's change within one settled turn. `old` undefined: added; `new` undefined: removed. */
export interface Change<V> {
  readonly key: string;
  readonly old: V | undefined;
  readonly new: V | undefined;
}

/**
 * A readable keyed set of values that tells what changed. Tables (written by sources) and derived collections are both
 * this; nobody outside the store can write a derived one.
 */
export abstract class Collection<V> {
  readonly name: string;
  /** Creation order in its store: a collection may read only from lower ranks, which keeps the graph free of cycles. */
  readonly rank: number;
  /** @internal */
  readonly dependents = new Dependents();
  protected readonly items = new Map<string, V>();
  readonly #indexes: Index<V>[] = [];
  readonly #ofAll = new Set<Dependent>();
  readonly #observers = new Set<(changes: readonly Change<V>[]) => void>();
  readonly #listeners: ((key: string) => void)[] = [];
  /** First `old` value of each key changed in the turn so far; kept only where somebody observes. */
  #turn = new Map<string, V | undefined>();
  #writes = 0;
  #demand: Demand | undefined;

  constructor(name: string, rank: number) {
    this.name = name;
    this.rank = rank;
  }

  get size(): number {
    return this.items.size;
  }
  get(key: string): V | undefined {
    return this.items.get(key);
  }
  has(key: string): boolean {
    return this.items.has(key);
  }
  keys(): IterableIterator<string> {
    return this.items.keys();
  }
  values(): IterableIterator<V> {
    return this.items.values();
  }
  entries(): IterableIterator<[string, V]> {
    return this.items.entries();
  }

  /** A look-up by something else than the key; `keysOf` may give none, one or several. Kept up to date with every change. */
  index(name: string, keysOf: KeysOf<V>): Index<V> {
    const index = new Index<V>(`${this.name}.${name}`, this, keysOf);
    for (const [key, value] of this.items) index.change(key, undefined, value);
    this.#indexes.push(index);
    return index;
  }

  /** Changes of a settled turn, in one call, from the next turn on. Returns how to stop. */
  observe(observer: (changes: readonly Change<V>[]) => void): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** Which keys are read, from now on kept up to date: for a source that provides only these. */
  get demand(): Demand {
    this.#demand ??= new Demand(this.dependents);
    return this.#demand;
  }

  /** @internal the key of each single change at once, for a derived collection that has this one as its input. */
  onEach(listener: (key: string) => void): void {
    this.#listeners.push(listener);
  }

  /** @internal */
  addDependentOfAll(dependent: Dependent): void {
    this.#ofAll.add(dependent);
  }
  /** @internal */
  deleteDependentOfAll(dependent: Dependent): void {
    this.#ofAll.delete(dependent);
  }

  /** @internal Writes one key, which holds `old`, and tells everyone who read it. */
  protected replace(key: string, old: V | undefined, value: V | undefined): void {
    if (old === undefined && value === undefined) return;
    this.#writes++;
    if (this.#observers.size > 0 && !this.#turn.has(key)) this.#turn.set(key, old);
    if (value === undefined) this.items.delete(key);
    else this.items.set(key, value);
    for (const index of this.#indexes) index.change(key, old, value);
    this.dependents.notify(key);
    for (const dependent of this.#ofAll) dependent.invalidate();
    for (const listener of this.#listeners) listener(key);
  }

  /** @internal Ends the turn: tells observers. Returns the number of writes. */
  settle(): number {
    this.#demand?.settle();
    const writes = this.#writes;
    this.#writes = 0;
    if (this.#turn.size === 0) return writes;
    const turn = this.#turn;
    this.#turn = new Map();
    const changes: Change<V>[] = [];
    for (const [key, old] of turn) {
      const value = this.items.get(key);
      if (value !== old) changes.push({ key, old, new: value });
    }
    if (changes.length > 0) for (const observer of this.#observers) observer(changes);
    return writes;
  }
}
