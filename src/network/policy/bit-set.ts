/** A set of small numbers, one bit each: ten thousand identities that a selector selects are 1.25 KB. */
export class BitSet {
  #words = new Uint32Array(4);

  has(bit: number): boolean {
    return ((this.#words[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0;
  }
  add(bit: number): void {
    const at = bit >>> 5;
    if (at >= this.#words.length) this.#grow(at + 1);
    this.#words[at]! |= 1 << (bit & 31);
  }
  delete(bit: number): void {
    const at = bit >>> 5;
    if (at < this.#words.length) this.#words[at]! &= ~(1 << (bit & 31));
  }

  each(visit: (bit: number) => void): void {
    const words = this.#words;
    for (let at = 0; at < words.length; at++) {
      let word = words[at]!;
      while (word !== 0) {
        const low = word & -word;
        visit((at << 5) + (31 - Math.clz32(low)));
        word ^= low;
      }
    }
  }

  /** Adds all that is in the other one. */
  addAll(other: BitSet): void {
    if (other.#words.length > this.#words.length) this.#grow(other.#words.length);
    for (let at = 0; at < other.#words.length; at++) this.#words[at]! |= other.#words[at]!;
  }

  clear(): void {
    this.#words.fill(0);
  }

  #grow(length: number): void {
    const words = new Uint32Array(Math.max(length, this.#words.length * 2));
    words.set(this.#words);
    this.#words = words;
  }
}
