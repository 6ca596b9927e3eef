/** Strings up to this length are copied by a loop: cheaper than a call into the runtime. */
const shortString = 40;

/**
 * Bytes of one allocation that encodings share, and the size from which one gets its own: an ArrayBuffer each costs four times
 * the time (1.5 us) and as much memory again. Kept small, since a slab lives as long as anything in it.
 */
const slabSize = 16_384;
const largeEncoding = 2_048;

/** A growing buffer with protobuf's wire encodings. */
export class Wire {
  #buffer = Buffer.allocUnsafe(1 << 16);
  #slab = new ArrayBuffer(0);
  #slabUsed = 0;
  position = 0;

  /** A copy of what was written since `start`. */
  take(start: number): Uint8Array {
    const bytes = this.#allocate(this.position - start);
    bytes.set(this.#buffer.subarray(start, this.position));
    return bytes;
  }

  /** Unsigned, up to 32 bits. */
  varint(value: number): void {
    this.#reserve(5);
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[this.position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.position++] = rest;
  }

  /** Negative numbers take ten bytes, as the sign is extended to 64 bits. */
  int32(value: number): void {
    if (value >= 0) this.varint(value);
    else this.varint64(BigInt(value));
  }

  varint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    if (rest <= 0xffff_ffffn) {
      this.varint(Number(rest));
      return;
    }
    this.#reserve(10);
    while (rest > 0x7fn) {
      this.#buffer[this.position++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.position++] = Number(rest);
  }

  fixed32(value: number): void {
    this.#reserve(4);
    this.position = this.#buffer.writeInt32LE(value | 0, this.position);
  }
  fixed64(value: bigint): void {
    this.#reserve(8);
    this.position = this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.position);
  }
  float(value: number): void {
    this.#reserve(4);
    this.position = this.#buffer.writeFloatLE(value, this.position);
  }
  double(value: number): void {
    this.#reserve(8);
    this.position = this.#buffer.writeDoubleLE(value, this.position);
  }

  /** With its length. */
  string(value: string): void {
    const { length } = value;
    this.#reserve(length * 3 + 5);
    if (length <= shortString) {
      const start = this.position;
      let at = start;
      this.#buffer[at++] = length;
      for (let i = 0; i < length; i++) {
        const code = value.charCodeAt(i);
        if (code > 0x7f) {
          this.#longString(value);
          return;
        }
        this.#buffer[at++] = code;
      }
      this.position = at;
      return;
    }
    this.#longString(value);
  }

  #longString(value: string): void {
    const start = this.open();
    this.position += this.#buffer.write(value, this.position, 'utf8');
    this.close(start);
  }

  /** With their length. */
  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.raw(value);
  }
  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.position);
    this.position += value.length;
  }

  /** Starts something whose length comes before it; give what this returns to `close`. */
  open(): number {
    this.#reserve(5);
    return this.position++;
  }
  close(start: number): void {
    const length = this.position - start - 1;
    if (length > 0x7f) {
      // The one byte left for the length is not enough: make room.
      const size = length < 1 << 14 ? 2 : length < 1 << 21 ? 3 : length < 1 << 28 ? 4 : 5;
      this.#reserve(size);
      this.#buffer.copyWithin(start + size, start + 1, this.position);
      this.position = start;
      this.varint(length);
      this.position += length;
    } else this.#buffer[start] = length;
  }

  #allocate(size: number): Uint8Array {
    if (size >= largeEncoding) return new Uint8Array(size);
    if (this.#slabUsed + size > this.#slab.byteLength) {
      this.#slab = new ArrayBuffer(slabSize);
      this.#slabUsed = 0;
    }
    const bytes = new Uint8Array(this.#slab, this.#slabUsed, size);
    this.#slabUsed += size;
    return bytes;
  }

  #reserve(size: number): void {
    if (this.position + size <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.position + size));
    grown.set(this.#buffer.subarray(0, this.position));
    this.#buffer = grown;
  }
}
