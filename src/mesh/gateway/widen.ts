import type { Collection } from '../../store/index.ts';

interface Readable<out V> {
  get(key: string): V | undefined;
  values(): IterableIterator<V>;
}

/**
 * A collection, for reading, is one of anything wider: TypeScript cannot see that, because a collection keeps functions that
 * take its values.
 */
export function widen<Wide>(collection: Readable<Wide>): Collection<Wide> {
  return collection as Collection<Wide>;
}
