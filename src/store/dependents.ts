/** Something that is computed again when what it read has changed. */
export interface Dependent {
  /** Called at most once a turn for each dependency that changed; must only take note. */
  invalidate(): void;
}

/** Who read one key. One reader alone (by far the most common) has no Set around it. */
export class Readers {
  readonly #of: Dependents;
  readonly #key: string;
  #readers: Dependent | Set<Dependent>;

  constructor(of: Dependents, key: string, first: Dependent) {
    this.#of = of;
    this.#key = key;
    this.#readers = first;
  }

  add(dependent: Dependent): void {
    if (this.#readers instanceof Set) this.#readers.add(dependent);
    else if (this.#readers !== dependent) this.#readers = new Set([this.#readers, dependent]);
  }

  delete(dependent: Dependent): void {
    const readers = this.#readers;
    const isLast = readers instanceof Set ? readers.delete(dependent) && readers.size === 0 : readers === dependent;
    if (isLast) this.#of.drop(this.#key);
  }

  notify(): void {
    if (this.#readers instanceof Set) for (const dependent of this.#readers) dependent.invalidate();
    else this.#readers.invalidate();
  }
}

/** Who read which key. There are a few for every object of the cluster, so they are kept without closures or keys of their own. */
export class Dependents {
  readonly #byKey = new Map<string, Readers>();
  /** Keys that got their first reader, or lost their last; kept where somebody asked for it (`Demand`). */
  touched: Set<string> | undefined;

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  keys(): IterableIterator<string> {
    return this.#byKey.keys();
  }

  /** Returns where the dependent is kept: it takes itself out there. */
  add(key: string, dependent: Dependent): Readers {
    const present = this.#byKey.get(key);
    if (present !== undefined) {
      present.add(dependent);
      return present;
    }
    const readers = new Readers(this, key, dependent);
    this.#byKey.set(key, readers);
    this.touched?.add(key);
    return readers;
  }

  /** Nobody reads the key any more. */
  drop(key: string): void {
    this.#byKey.delete(key);
    this.touched?.add(key);
  }

  notify(key: string): void {
    this.#byKey.get(key)?.notify();
  }
}
