/**
 * Calls of one container one after the other, of different ones at once, and some of none beside any other: a GC must not see
 * half an ADD.
 */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();
  #alone: Promise<unknown> = Promise.resolve();

  async of<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = [this.#last.get(key), this.#alone];
    const mine = Promise.allSettled(before).then(work);
    // A failure is its caller's; the next one comes all the same.
    const over = mine.catch(() => {});
    this.#last.set(key, over);
    try {
      return await mine;
    } finally {
      if (this.#last.get(key) === over) this.#last.delete(key);
    }
  }

  async alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = Promise.allSettled([...this.#last.values(), this.#alone]).then(work);
    this.#alone = mine.catch(() => {});
    return mine;
  }
}
