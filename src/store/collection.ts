import { assert } from '../lib/fault.ts';

/** One key's change within one settled turn. `old` undefined: added; `new` undefined: removed. */
export interface Change<V> {
  readonly key: string;
  readonly old: V | undefined;
  readonly new: V | undefined;
}

/** Something that is computed again when what it read has changed. */
export interface Dependent {
  /** Called at most once a turn for each dependency that changed; must only take note. */
  invalidate(): void;
}

/** The dependents of one key. One alone is by far the most common, so it is kept without a Set around it. */
type Dependents = Dependent | Set<Dependent>;

/**
 * A readable keyed set of values that tells what changed. Tables (written by sources) and derived collections are both
 * this; nobody outside the store can write a derived one.
 */
export abstract class Collection<V> {
  readonly name: string;
  /** Creation order in its store: a collection may read only from lower ranks, which keeps the graph free of cycles. */
  readonly rank: number;
  protected readonly items = new Map<string, V>();
  readonly #indexes: Index<V>[] = [];
  readonly #byKey = new Map<string, Dependents>();
  readonly #ofAll = new Set<Dependent>();
  readonly #observers = new Set<(changes: readonly Change<V>[]) => void>();
  readonly #primary = new Set<(change: Change<V>) => void>();
  /** First `old` value of each key changed in the turn so far. */
  #turn = new Map<string, V | undefined>();

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
  index(name: string, keysOf: (value: V, key: string) => string | readonly string[] | undefined): Index<V> {
    const index = new Index<V>(`${this.name}.${name}`, this, keysOf);
    for (const [key, value] of this.items) index.change(key, undefined, value);
    this.#indexes.push(index);
    return index;
  }

  /** Changes of a settled turn, in one call; equal values are no change. Returns how to stop. */
  observe(observer: (changes: readonly Change<V>[]) => void): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** @internal each single change at once, for a derived collection that has this one as its input. */
  onEach(listener: (change: Change<V>) => void): void {
    this.#primary.add(listener);
  }

  /** @internal */
  dependOnKey(key: string, dependent: Dependent): Unlink {
    return link(this.#byKey, key, dependent);
  }
  /** @internal */
  dependOnAll(dependent: Dependent): Unlink {
    this.#ofAll.add(dependent);
    return () => this.#ofAll.delete(dependent);
  }

  /** @internal Writes one key and tells everyone who read it. */
  protected write(key: string, value: V | undefined): void {
    const old = this.items.get(key);
    if (old === undefined && value === undefined) return;
    if (!this.#turn.has(key)) this.#turn.set(key, old);
    if (value === undefined) this.items.delete(key);
    else this.items.set(key, value);
    for (const index of this.#indexes) index.change(key, old, value);
    notify(this.#byKey.get(key));
    for (const dependent of this.#ofAll) dependent.invalidate();
    const change = { key, old, new: value };
    for (const listener of this.#primary) listener(change);
  }

  /** @internal Ends the turn: tells observers. Returns the number of keys that changed. */
  settle(): number {
    if (this.#turn.size === 0) return 0;
    const turn = this.#turn;
    this.#turn = new Map();
    const changes: Change<V>[] = [];
    for (const [key, old] of turn) {
      const value = this.items.get(key);
      if (value !== old) changes.push({ key, old, new: value });
    }
    if (changes.length > 0) for (const observer of this.#observers) observer(changes);
    return changes.length;
  }
}

export type Unlink = () => void;

/** Look-up of a collection's values by derived keys. Made by {@link Collection.index}. */
export class Index<V> {
  readonly name: string;
  readonly of: Collection<V>;
  readonly #keysOf: (value: V, key: string) => string | readonly string[] | undefined;
  readonly #members = new Map<string, Map<string, V>>();
  readonly #byKey = new Map<string, Dependents>();
  readonly #listeners = new Set<(indexKey: string) => void>();

  constructor(
    name: string,
    of: Collection<V>,
    keysOf: (value: V, key: string) => string | readonly string[] | undefined,
  ) {
    this.name = name;
    this.of = of;
    this.#keysOf = keysOf;
  }

  /** The values under an index key; order is not defined. */
  get(indexKey: string): V[] {
    const members = this.#members.get(indexKey);
    return members === undefined ? [] : [...members.values()];
  }
  has(indexKey: string): boolean {
    return this.#members.has(indexKey);
  }
  /** How many values are under an index key. */
  count(indexKey: string): number {
    return this.#members.get(indexKey)?.size ?? 0;
  }
  keys(): IterableIterator<string> {
    return this.#members.keys();
  }
  get size(): number {
    return this.#members.size;
  }

  /** @internal tells each index key whose members changed, for groupings. */
  onEach(listener: (indexKey: string) => void): void {
    this.#listeners.add(listener);
  }
  /** @internal */
  dependOnKey(indexKey: string, dependent: Dependent): Unlink {
    return link(this.#byKey, indexKey, dependent);
  }

  /** @internal */
  change(key: string, old: V | undefined, value: V | undefined): void {
    const before = old === undefined ? none : list(this.#keysOf(old, key));
    const after = value === undefined ? none : list(this.#keysOf(value, key));
    for (const indexKey of before) {
      if (after.includes(indexKey)) continue;
      const members = this.#members.get(indexKey);
      assert(members !== undefined && members.delete(key), `index ${this.name}: ${key} was not under ${indexKey}`);
      if (members.size === 0) this.#members.delete(indexKey);
      this.#touched(indexKey);
    }
    for (const indexKey of after) {
      let members = this.#members.get(indexKey);
      if (members === undefined) {
        members = new Map();
        this.#members.set(indexKey, members);
      }
      members.set(key, value as V);
      this.#touched(indexKey);
    }
  }

  #touched(indexKey: string): void {
    notify(this.#byKey.get(indexKey));
    for (const listener of this.#listeners) listener(indexKey);
  }
}

const none: readonly string[] = [];
function list(keys: string | readonly string[] | undefined): readonly string[] {
  return keys === undefined ? none : typeof keys === 'string' ? [keys] : keys;
}

function notify(dependents: Dependents | undefined): void {
  if (dependents === undefined) return;
  if (dependents instanceof Set) for (const dependent of dependents) dependent.invalidate();
  else dependents.invalidate();
}

function link(map: Map<string, Dependents>, key: string, dependent: Dependent): Unlink {
  const present = map.get(key);
  if (present === undefined) map.set(key, dependent);
  else if (present instanceof Set) present.add(dependent);
  else if (present !== dependent) map.set(key, new Set([present, dependent]));
  return () => {
    const now = map.get(key);
    if (now === dependent) map.delete(key);
    else if (now instanceof Set && now.delete(dependent) && now.size === 0) map.delete(key);
  };
}
