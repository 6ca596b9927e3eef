import type { Layout } from '../../lib/layout.ts';
import type { Change, Collection } from '../../store/index.ts';
import { type Desired, keyNames } from './desired.ts';

/** An entry of a map as an item of the store. */
export interface MapEntry<K, V> {
  readonly key: K;
  readonly value: V;
}

/**
 * An output of a derived collection that a map follows: its key in the collection is the entry's own key, so that an entry which goes
 * from one input to another in one turn stays where it is.
 */
export function mapEntry<K, V>(layout: Layout<K>, key: K, value: V): readonly [string, MapEntry<K, V>] {
  return [keyNames(layout)(key), { key, value }];
}

/** A collection of {@link mapEntry} as what a map should hold. `changed` is called at the end of each turn that brought something. */
export class CollectionEntries<K, V> implements Desired<K, V> {
  readonly #collection: Collection<MapEntry<K, V>>;
  readonly #name: (key: K) => string;
  readonly #stop: () => void;
  readonly #touched = new Map<string, K>();

  constructor(collection: Collection<MapEntry<K, V>>, layout: Layout<K>, changed: () => void = () => {}) {
    this.#collection = collection;
    this.#name = keyNames(layout);
    this.#stop = collection.observe((changes: readonly Change<MapEntry<K, V>>[]) => {
      for (const { key, old, new: now } of changes) this.#touched.set(key, (now ?? old)!.key);
      changed();
    });
  }

  get size(): number {
    return this.#collection.size;
  }
  get(key: K): V | undefined {
    return this.#collection.get(this.#name(key))?.value;
  }
  *entries(): Generator<readonly [K, V]> {
    for (const { key, value } of this.#collection.values()) yield [key, value];
  }
  *keys(): Generator<K> {
    for (const { key } of this.#collection.values()) yield key;
  }
  *changes(): Generator<readonly [K, V | undefined]> {
    const touched = [...this.#touched];
    this.#touched.clear();
    for (const [name, key] of touched) yield [key, this.#collection.get(name)?.value];
  }

  /** The map stays as it is from now on. */
  close(): void {
    this.#stop();
  }
}
