import type { Change, Collection } from '../../store/index.ts';
import type { TypedMap } from '../maps/index.ts';
import { MapReconciler, type ReconcileOptions, type ReconcileReport } from './map-reconciler.ts';

export interface ReconciledMap<K, V> {
  readonly reconciler: MapReconciler<K, V>;
  /** What the map had to be told at the start. */
  readonly initial: ReconcileReport;
  /** The map stays as it is from now on. */
  stop(): void;
}

/**
 * Keeps a map as a collection says: made so at once, then each settled turn's changes and nothing else. `entry` must be pure;
 * two items of one key are the caller's mistake, and the later one counts.
 * @throws Fault where the map cannot be read
 */
export function reconcileMap<T, K, V>(
  collection: Collection<T>,
  map: TypedMap<K, V>,
  options: ReconcileOptions<V> & {
    entry: (item: T, key: string) => readonly [K, V];
    /** After each turn that changed something. */
    onChange?: (reconciler: MapReconciler<K, V>) => void;
  },
): ReconciledMap<K, V> {
  const { entry, onChange } = options;
  const reconciler = new MapReconciler(map, options);
  const initial = reconciler.replace(Array.from(collection.entries(), ([key, item]) => entry(item, key)));
  const stop = collection.observe((changes: readonly Change<T>[]) => {
    const upserts: (readonly [K, V])[] = [];
    for (const change of changes) if (change.new !== undefined) upserts.push(entry(change.new, change.key));
    reconciler.upsert(upserts);
    const written = new Set(upserts.map(([key]) => textOf(map, key)));
    const removals = changes.flatMap(({ old, key }) => (old === undefined ? [] : [entry(old, key)[0]]));
    // An item that got another key leaves its old one behind; a key that went from one item to another stays.
    reconciler.remove(removals.filter((key) => !written.has(textOf(map, key))));
    onChange?.(reconciler);
  });
  return { reconciler, initial, stop };
}

function textOf<K, V>(map: TypedMap<K, V>, key: K): string {
  const view = new DataView(new ArrayBuffer(map.keyLayout.size));
  map.keyLayout.encode(key, view);
  return Buffer.from(view.buffer).toString('latin1');
}
