import type { Collection } from './collection.ts';
import { Dependents } from './dependents.ts';

/** The only member under an index key: what a Map would need some hundred bytes more for. */
class Only<V> {
  readonly key: string;
  readonly value: V;
  constructor(key: string, value: V) {
    this.key = key;
    this.value = value;
  }
}

export type KeysOf<V> = (value: V, key: string) => string | readonly string[] | undefined;

/** Look-up of a collection's values by derived keys. Made by `Collection.index`. */
export class Index<V> {
  readonly name: string;
  readonly of: Collection<V>;
  /** @internal */
  readonly dependents = new Dependents();
  readonly #keysOf: KeysOf<V>;
  readonly #members = new Map<string, Only<V> | Map<string, V>>();
  readonly #listeners: ((indexKey: string) => void)[] = [];

  constructor(name: string, of: Collection<V>, keysOf: KeysOf<V>) {
    this.name = name;
    this.of = of;
    this.#keysOf = keysOf;
  }

  /** The values under an index key; order is not defined. */
  get(indexKey: string): V[] {
    const members = this.#members.get(indexKey);
    if (members === undefined) return [];
    return members instanceof Only ? [members.value] : [...members.values()];
  }
  /** One of the values under an index key, whichever. */
  any(indexKey: string): V | undefined {
    const members = this.#members.get(indexKey);
    return members instanceof Map ? members.values().next().value : members?.value;
  }
  has(indexKey: string): boolean {
    return this.#members.has(indexKey);
  }
  /** How many values are under an index key. */
  count(indexKey: string): number {
    const members = this.#members.get(indexKey);
    if (members === undefined) return 0;
    return members instanceof Only ? 1 : members.size;
  }
  keys(): IterableIterator<string> {
    return this.#members.keys();
  }
  get size(): number {
    return this.#members.size;
  }

  /** @internal tells each index key whose members changed, for groupings. */
  onEach(listener: (indexKey: string) => void): void {
    this.#listeners.push(listener);
  }

  /** @internal */
  change(key: string, old: V | undefined, value: V | undefined): void {
    const before = old === undefined ? undefined : this.#keysOf(old, key);
    const after = value === undefined ? undefined : this.#keysOf(value, key);
    if (typeof before === 'string') {
      if (after !== before && !(typeof after === 'object' && after.includes(before))) this.#remove(before, key);
    } else if (before !== undefined) {
      for (const indexKey of before) {
        if (after !== indexKey && !(typeof after === 'object' && after.includes(indexKey))) this.#remove(indexKey, key);
      }
    }
    if (typeof after === 'string') this.#put(after, key, value as V);
    else if (after !== undefined) for (const indexKey of after) this.#put(indexKey, key, value as V);
  }

  #remove(indexKey: string, key: string): void {
    const members = this.#members.get(indexKey);
    if (members instanceof Only ? members.key !== key : members?.delete(key) !== true) {
      throw new Error(`bug: index ${this.name}: ${key} was not under ${indexKey}`);
    }
    if (members instanceof Only || members?.size === 0) this.#members.delete(indexKey);
    this.#touched(indexKey);
  }

  #put(indexKey: string, key: string, value: V): void {
    const members = this.#members.get(indexKey);
    if (members instanceof Map) members.set(key, value);
    else if (members === undefined || members.key === key) this.#members.set(indexKey, new Only(key, value));
    else
      this.#members.set(
        indexKey,
        new Map([
          [members.key, members.value],
          [key, value],
        ]),
      );
    this.#touched(indexKey);
  }

  #touched(indexKey: string): void {
    this.dependents.notify(indexKey);
    for (const listener of this.#listeners) listener(indexKey);
  }
}
