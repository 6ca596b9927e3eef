/** Ids of one node's endpoints: 16 bits wide in the maps; 0 is nobody. */
const least = 1;
const most = 65535;

/**
 * Gives out ids, each to one at a time. It goes round, so that an id that was given back is not soon somebody else's: events
 * of the one before may still be on their way to people.
 */
export class EndpointIds {
  readonly #taken = new Set<number>();
  #last = least - 1;

  /** Undefined when all are taken. */
  allocate(): number | undefined {
    for (let tries = most - least + 1; tries > 0; tries--) {
      this.#last = this.#last >= most ? least : this.#last + 1;
      if (this.#taken.has(this.#last)) continue;
      this.#taken.add(this.#last);
      return this.#last;
    }
    return undefined;
  }

  /** Takes this one, of a record; false where somebody has it. */
  claim(id: number): boolean {
    if (!Number.isInteger(id) || id < least || id > most || this.#taken.has(id)) return false;
    this.#taken.add(id);
    if (id > this.#last) this.#last = id;
    return true;
  }

  release(id: number): void {
    this.#taken.delete(id);
  }
}
