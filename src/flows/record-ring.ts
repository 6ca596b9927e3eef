import { assert } from '../lib/fault.ts';

/**
 * The last records of one kind, as bytes: copying one costs less than making an object that nobody may ask for. In words, one by
 * one: of so few bytes a view for each copy would cost more than the copy, and the collector's time after it.
 */
export class RecordRing {
  readonly #words: number;
  readonly #size: number;
  readonly #capacity: number;
  readonly #kept: Int32Array;
  readonly #view: DataView;
  #source: Int32Array;
  #count = 0;

  /** `size`: bytes of a record, a multiple of 4. */
  constructor(size: number, capacity: number) {
    assert(size % 4 === 0, `records of ${size} bytes`);
    this.#words = size / 4;
    this.#size = size;
    this.#capacity = capacity;
    this.#kept = new Int32Array(this.#words * capacity);
    this.#view = new DataView(this.#kept.buffer);
    this.#source = this.#kept;
  }

  /** @param start in `view`; together with the view's own offset a multiple of 4 */
  add(view: DataView, start: number): void {
    // Records come out of one buffer, the kernel's.
    if (this.#source.buffer !== view.buffer)
      this.#source = new Int32Array(view.buffer, 0, view.buffer.byteLength >>> 2);
    const [kept, source] = [this.#kept, this.#source];
    const from = (view.byteOffset + start) >>> 2;
    const to = (this.#count++ % this.#capacity) * this.#words;
    for (let i = 0; i < this.#words; i++) kept[to + i] = source[from + i]!;
  }

  /** The newest first. What is read is overwritten by later records. */
  *newest(): Generator<readonly [view: DataView, start: number]> {
    const held = Math.min(this.#count, this.#capacity);
    for (let i = 1; i <= held; i++) yield [this.#view, ((this.#count - i) % this.#capacity) * this.#size];
  }
}
