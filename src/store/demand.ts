import type { Dependents } from './dependents.ts';

/** What came to be read, and what nobody reads any more. */
export type DemandObserver = (added: readonly string[], removed: readonly string[]) => void;

/**
 * Which keys of a collection are read by anything derived from it, whether or not there is a value: what a source must
 * provide. A source that fetches a Secret only where something refers to it needs to know no translator's rules for that.
 */
export class Demand {
  readonly #dependents: Dependents;
  readonly #known = new Set<string>();
  readonly #observers = new Set<DemandObserver>();

  constructor(dependents: Dependents) {
    this.#dependents = dependents;
    // A derivation that runs again drops its reads and takes most of them up again: only a turn's end tells.
    this.#dependents.touched = new Set(dependents.keys());
    this.settle();
  }

  keys(): IterableIterator<string> {
    return this.#known.keys();
  }

  /** Differences from `keys()` as it is now, at the end of a turn. Returns how to stop. */
  observe(observer: DemandObserver): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** @internal */
  settle(): void {
    const touched = this.#dependents.touched;
    if (touched === undefined || touched.size === 0) return;
    const added: string[] = [];
    const removed: string[] = [];
    for (const key of touched) {
      const read = this.#dependents.has(key);
      if (read === this.#known.has(key)) continue;
      if (read) this.#known.add(key);
      else this.#known.delete(key);
      (read ? added : removed).push(key);
    }
    touched.clear();
    if (added.length + removed.length > 0) for (const observer of this.#observers) observer(added, removed);
  }
}
