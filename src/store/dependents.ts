/** Something that is computed again when what it read has changed. */
export interface Dependent {
  /** Called at most once a turn for each dependency that changed; must only take note. */
  invalidate(): void;
}

/**
 * Who read which key. There are a few for every object of the cluster, so they are kept without closures, and one alone (by
 * far the most common) without a Set around it.
 */
export class Dependents {
  readonly #byKey = new Map<string, Dependent | Set<Dependent>>();
  /** Keys that got their first reader, or lost their last; kept where somebody asked for it (`Demand`). */
  touched: Set<string> | undefined;

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  keys(): IterableIterator<string> {
    return this.#byKey.keys();
  }

  add(key: string, dependent: Dependent): void {
    const present = this.#byKey.get(key);
    if (present === undefined) {
      this.#byKey.set(key, dependent);
      this.touched?.add(key);
    } else if (present instanceof Set) present.add(dependent);
    else if (present !== dependent) this.#byKey.set(key, new Set([present, dependent]));
  }

  delete(key: string, dependent: Dependent): void {
    const present = this.#byKey.get(key);
    if (present === dependent || (present instanceof Set && present.delete(dependent) && present.size === 0)) {
      this.#byKey.delete(key);
      this.touched?.add(key);
    }
  }

  notify(key: string): void {
    const present = this.#byKey.get(key);
    if (present === undefined) return;
    if (present instanceof Set) for (const dependent of present) dependent.invalidate();
    else present.invalidate();
  }
}
