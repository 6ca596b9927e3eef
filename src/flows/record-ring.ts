/** The last records of one kind, as bytes: copying one costs less than making an object that nobody may ask for. */
export class RecordRing {
  readonly #size: number;
  readonly #capacity: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #count = 0;

  /** `size`: bytes of a record. */
  constructor(size: number, capacity: number) {
    this.#size = size;
    this.#capacity = capacity;
    this.#bytes = new Uint8Array(size * capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  add(view: DataView, start: number): void {
    this.#bytes.set(
      new Uint8Array(view.buffer, view.byteOffset + start, this.#size),
      (this.#count++ % this.#capacity) * this.#size,
    );
  }

  /** The newest first. What is read is overwritten by later records. */
  *newest(): Generator<readonly [view: DataView, start: number]> {
    const held = Math.min(this.#count, this.#capacity);
    for (let i = 1; i <= held; i++) yield [this.#view, ((this.#count - i) % this.#capacity) * this.#size];
  }
}
