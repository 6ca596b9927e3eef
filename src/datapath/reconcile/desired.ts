import { equal } from '../../lib/equal.ts';
import type { Layout } from '../../lib/layout.ts';

/**
 * What a map of the kernel should hold, kept by whoever wants it, once. All of it is asked for at the start and where somebody else
 * may have written; in between the changes alone.
 */
export interface Desired<K, V> {
  readonly size: number;
  get(key: K): V | undefined;
  entries(): Iterable<readonly [K, V]>;
  /** In no order, for a walk that stops again and again while entries come and go: what is there all the while is in it. */
  keys(): Iterable<K>;
  /** What changed since the last call, in the order in which it is to be written; without a value: to be removed. */
  changes(): Iterable<readonly [K, V | undefined]>;
}

/** By layout. */
const namers = new WeakMap<object, unknown>();

/** Bytes of a key as a text, for tables by key. */
export function keyNames<K>(layout: Layout<K>): (key: K) => string {
  const there = namers.get(layout) as ReturnType<typeof keyNames<K>> | undefined;
  if (there !== undefined) return there;
  const view = new DataView(new ArrayBuffer(layout.size));
  const bytes = Buffer.from(view.buffer);
  const namer = (key: K) => {
    layout.encode(key, view);
    return bytes.toString('latin1');
  };
  namers.set(layout, namer);
  return namer;
}

/** Desired entries that are these and never change. */
export function fixedEntries<K, V>(layout: Layout<K>, pairs: Iterable<readonly [K, V]>): Desired<K, V> {
  const name = keyNames(layout);
  const entries = new Map(Array.from(pairs, (pair) => [name(pair[0]), pair]));
  return {
    size: entries.size,
    get: (key) => entries.get(name(key))?.[1],
    entries: () => entries.values(),
    keys: () => keysOf(entries.values()),
    changes: () => [],
  };
}

function* keysOf<K>(pairs: Iterable<readonly [K, unknown]>): Generator<K> {
  for (const [key] of pairs) yield key;
}

/** Desired entries that are set one by one. What comes back before anybody asked has not changed. */
export class DesiredEntries<K, V> implements Desired<K, V> {
  readonly #entries = new Map<string, readonly [K, V]>();
  /** What had changed when it was first touched since the last call: as it was before. */
  readonly #touched = new Map<string, { readonly key: K; readonly before: V | undefined }>();
  readonly #name: (key: K) => string;

  constructor(layout: Layout<K>) {
    this.#name = keyNames(layout);
  }

  get size(): number {
    return this.#entries.size;
  }
  get(key: K): V | undefined {
    return this.#entries.get(this.#name(key))?.[1];
  }
  entries(): Iterable<readonly [K, V]> {
    return this.#entries.values();
  }
  keys(): Iterable<K> {
    return keysOf(this.#entries.values());
  }

  set(key: K, value: V): void {
    const name = this.#name(key);
    this.#touch(name, key);
    this.#entries.set(name, [key, value]);
  }

  delete(key: K): void {
    const name = this.#name(key);
    this.#touch(name, key);
    this.#entries.delete(name);
  }

  *changes(): Generator<readonly [K, V | undefined]> {
    const touched = [...this.#touched];
    this.#touched.clear();
    for (const [name, { key, before }] of touched) {
      const now = this.#entries.get(name)?.[1];
      if (!equal(before, now)) yield [key, now];
    }
  }

  #touch(name: string, key: K): void {
    if (!this.#touched.has(name)) this.#touched.set(name, { key, before: this.#entries.get(name)?.[1] });
  }
}
