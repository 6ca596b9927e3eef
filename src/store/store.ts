import { equal } from '../lib/equal.ts';
import { Collection } from './collection.ts';
import { type Derivation, DerivedCollection, type Fetch, type Outputs } from './derived.ts';
import { Index } from './index-of.ts';

/** A collection that sources write. Writing an equal value is no change. */
export class Table<V> extends Collection<V> {
  readonly #wake: () => void;
  constructor(name: string, rank: number, wake: () => void) {
    super(name, rank);
    this.#wake = wake;
  }
  set(key: string, value: V): void {
    const old = this.items.get(key);
    if (old !== undefined && equal(old, value)) return;
    this.replace(key, old, value);
    this.#wake();
  }
  delete(key: string): void {
    const old = this.items.get(key);
    if (old === undefined) return;
    this.replace(key, old, undefined);
    this.#wake();
  }
}

export interface StoreOptions {
  /** How a flush is put off to the end of the event loop's turn. Tests that flush by hand pass a no-op. Default: setImmediate. */
  readonly schedule?: (flush: () => void) => void;
  /** Called after each flush that changed something. */
  readonly onFlush?: (info: FlushInfo) => void;
}

export interface FlushInfo {
  readonly sequence: number;
  /** ms that the flush took. */
  readonly duration: number;
  readonly changed: number;
}

/** What the store itself and its metrics need of a collection, whatever it holds. */
export interface CollectionInfo {
  readonly name: string;
  readonly size: number;
  settle(): number;
}
export interface DerivedInfo extends CollectionInfo {
  /** Inputs that wait to be computed again. */
  readonly dirty: number;
  readonly runs: number;
  /** ms spent computing, in all. */
  readonly busy: number;
  refresh(): void;
}

/**
 * The one mutable state: tables that sources write and collections derived from them. Writes of one turn of the event loop
 * are one change for everything downstream; a change costs what it touches, not what exists.
 */
export class Store {
  readonly #collections: CollectionInfo[] = [];
  readonly #derived: DerivedInfo[] = [];
  readonly #options: StoreOptions;
  #scheduled = false;
  #flushing = false;
  #sequence = 0;
  #waiters: (() => void)[] = [];

  constructor(options: StoreOptions = {}) {
    this.#options = options;
  }

  /** Rises with every flush that changed something. */
  get sequence(): number {
    return this.#sequence;
  }
  get collections(): readonly CollectionInfo[] {
    return this.#collections;
  }
  /** The derived collections, in the order in which they are brought up to date. */
  get stages(): readonly DerivedInfo[] {
    return this.#derived;
  }

  table<V>(name: string): Table<V> {
    return this.#add(new Table<V>(name, this.#collections.length, () => this.#schedule()));
  }

  /**
   * One run of `map` for each value of `from`. `map` must be pure but for what it reads through `fetch`. With several
   * collections, their values are taken together: no key may stand in two of them.
   */
  derive<In, Out>(
    from: Collection<In> | readonly Collection<In>[],
    derivation: Derivation<Out> & {
      map: (fetch: Fetch, value: In, key: string) => Outputs<Out>;
      /** Values for which this does not hold give nothing: for what hardly any of them has, so that all others cost nothing. */
      when?: (value: In) => boolean;
    },
  ): DerivedCollection<Out> {
    const { map, when } = derivation;
    const inputs = from instanceof Collection ? [from] : from;
    const derived = new DerivedCollection<Out>(
      derivation,
      this.#collections.length,
      (fetch, key) => {
        for (const input of inputs) {
          const value = input.get(key);
          if (value !== undefined) return when === undefined || when(value) ? map(fetch, value, key) : undefined;
        }
        return undefined;
      },
      () => this.#schedule(),
    );
    for (const input of inputs) {
      const mark = (key: string) => {
        if (when !== undefined && !derived.hasInput(key)) {
          const value = input.get(key);
          if (value === undefined || !when(value)) return;
        }
        derived.markDirty(key);
      };
      input.onEach(mark);
      for (const key of input.keys()) mark(key);
    }
    return this.#addDerived(derived);
  }

  /**
   * One run of `map` for each index key, with all its members (order not defined) from all the given indexes; when the last
   * member goes, so do the outputs.
   */
  group<In, Out>(
    by: Index<In> | readonly Index<In>[],
    derivation: Derivation<Out> & { map: (fetch: Fetch, members: readonly In[], indexKey: string) => Outputs<Out> },
  ): DerivedCollection<Out> {
    const indexes = by instanceof Index ? [by] : by;
    const derived = new DerivedCollection<Out>(
      derivation,
      this.#collections.length,
      (fetch, indexKey) => {
        const members =
          indexes.length === 1 ? indexes[0]!.get(indexKey) : indexes.flatMap((index) => index.get(indexKey));
        return members.length === 0 ? undefined : derivation.map(fetch, members, indexKey);
      },
      () => this.#schedule(),
    );
    for (const index of indexes) {
      index.onEach((indexKey) => derived.markDirty(indexKey));
      for (const indexKey of index.keys()) derived.markDirty(indexKey);
    }
    return this.#addDerived(derived);
  }

  /**
   * One output for each index key, under that key, made of any one of its members: for what all members say alike. Costs the
   * same however many there are.
   */
  pick<In, Out>(
    by: readonly Index<In>[],
    derivation: Derivation<Out> & { map: (member: In, indexKey: string) => Out },
  ): DerivedCollection<Out> {
    const derived = new DerivedCollection<Out>(
      derivation,
      this.#collections.length,
      (_fetch, indexKey) => {
        for (const index of by) {
          const member = index.any(indexKey);
          if (member !== undefined) return [[indexKey, derivation.map(member, indexKey)]];
        }
        return undefined;
      },
      () => this.#schedule(),
    );
    for (const index of by) {
      index.onEach((indexKey) => derived.markDirty(indexKey));
      for (const indexKey of index.keys()) derived.markDirty(indexKey);
    }
    return this.#addDerived(derived);
  }

  /** A single value computed from others, under the key `''`. */
  single<Out>(derivation: Derivation<Out> & { map: (fetch: Fetch) => Out }): DerivedCollection<Out> {
    const derived = new DerivedCollection<Out>(
      derivation,
      this.#collections.length,
      (fetch) => [['', derivation.map(fetch)]],
      () => this.#schedule(),
    );
    derived.markDirty('');
    return this.#addDerived(derived);
  }

  /** Brings everything up to date now, and tells observers. */
  flush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    const start = performance.now();
    try {
      for (const derived of this.#derived) derived.refresh();
      let changed = 0;
      for (const collection of this.#collections) changed += collection.settle();
      if (changed > 0) {
        this.#sequence++;
        this.#options.onFlush?.({ sequence: this.#sequence, duration: performance.now() - start, changed });
      }
    } finally {
      this.#flushing = false;
    }
    if (this.#scheduled) return; // an observer wrote to a table: those who wait get that too
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }

  /** Resolves when all that has been written so far has reached every observer. */
  settled(): Promise<void> {
    if (!this.#scheduled) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    (this.#options.schedule ?? setImmediate)(() => {
      this.#scheduled = false;
      this.flush();
    });
  }
  #add<C extends CollectionInfo>(collection: C): C {
    this.#collections.push(collection);
    return collection;
  }
  #addDerived<C extends DerivedInfo>(derived: C): C {
    this.#derived.push(derived);
    return this.#add(derived);
  }
}
