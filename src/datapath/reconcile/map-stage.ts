import type { TypedMap } from '../maps/index.ts';
import type { Desired } from './desired.ts';
import { MapReconciler, type ReconcileOptions } from './map-reconciler.ts';
import type { Stage } from './stages.ts';

export interface MapStageOptions<K, V> extends ReconcileOptions<V> {
  /** Of keys that go in one turn; not given: it does not matter. */
  readonly removalOrder?: (a: K, b: K) => number;
}

/** One map that holds what is desired of it, and nothing else. */
export class MapStage<K, V> implements Stage {
  readonly reconciler: MapReconciler<K, V>;
  readonly #desired: Desired<K, V>;
  readonly #removalOrder: ((a: K, b: K) => number) | undefined;
  #gone: K[] = [];
  #started = false;

  constructor(map: TypedMap<K, V>, desired: Desired<K, V>, options: MapStageOptions<K, V> = {}) {
    this.reconciler = new MapReconciler(map, options);
    this.#desired = desired;
    this.#removalOrder = options.removalOrder;
  }

  /** @throws Fault the first time, where the map cannot be read */
  fill(): void {
    const upserts: (readonly [K, V])[] = [];
    for (const [key, value] of this.#desired.changes())
      if (value === undefined) this.#gone.push(key);
      else upserts.push([key, value]);
    if (this.#started) this.reconciler.upsert(upserts);
    else this.#gone = this.reconciler.takeOver(this.#desired.entries()).stale.map(([key]) => key);
    this.#started = true;
  }

  drain(): void {
    if (this.#gone.length === 0) return;
    if (this.#removalOrder) this.#gone.sort(this.#removalOrder);
    // What came back since `fill` is written by the next one.
    this.reconciler.remove(this.#gone.filter((key) => this.#desired.get(key) === undefined));
    this.#gone = [];
  }

  check(): Generator<void, number> {
    return this.reconciler.check(this.#desired);
  }
  states() {
    return [this.reconciler];
  }
}
