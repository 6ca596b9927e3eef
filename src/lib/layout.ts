/**
 * How a struct lies in memory that is shared with C. Fixed size; the generated ones come from the compiler's own type
 * information, so they cannot differ from what the C side sees.
 */
export interface Layout<T> {
  /** As in C, for messages. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Of its fields, for readers that want a few of them and make no object: bytes. */
  readonly offsets?: Readonly<Record<string, number>>;
  /** Writes all `size` bytes, padding included: padding is part of a map's key. */
  encode(value: T, view: DataView, at?: number): void;
  decode(view: DataView, at?: number): T;
}

export const u32: Layout<number> = {
  name: 'u32',
  size: 4,
  encode: (value, view, at = 0) => view.setUint32(at, value, true),
  decode: (view, at = 0) => view.getUint32(at, true),
};

export const u64: Layout<bigint> = {
  name: 'u64',
  size: 8,
  encode: (value, view, at = 0) => view.setBigUint64(at, value, true),
  decode: (view, at = 0) => view.getBigUint64(at, true),
};

/** Bytes as they are, of one length. */
export function bytes(size: number): Layout<Uint8Array> {
  return {
    name: `u8[${size}]`,
    size,
    encode: (value, view, at = 0) => {
      const target = new Uint8Array(view.buffer, view.byteOffset + at, size).fill(0);
      target.set(value.subarray(0, size));
    },
    decode: (view, at = 0) => new Uint8Array(view.buffer, view.byteOffset + at, size).slice(),
  };
}
