import { malformed } from './malformed.ts';

/** Attributes of netlink messages (`struct nlattr`): length, type, value, padded to four bytes. By type; the last one wins. */
export type Attributes = ReadonlyMap<number, Buffer>;

/** The two highest bits of a type are flags (NLA_F_NESTED, NLA_F_NET_BYTEORDER). */
const typeMask = 0x3fff;
const headerSize = 4;

export const align = (length: number): number => (length + 3) & ~3;

/** @throws Fault NETLINK_MALFORMED */
export function parseAttributes(bytes: Buffer): Attributes {
  const attributes = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    // Padding at the end that is too short to be anything.
    if (bytes.length - at < headerSize) break;
    const length = bytes.readUInt16LE(at);
    if (length < headerSize || at + length > bytes.length) throw malformed(`an attribute of ${length} bytes at ${at}`);
    attributes.set(bytes.readUInt16LE(at + 2) & typeMask, bytes.subarray(at + headerSize, at + length));
    at += align(length);
  }
  return attributes;
}

export function encodeAttributes(attributes: Iterable<readonly [type: number, value: Uint8Array]>): Buffer {
  const parts: Buffer[] = [];
  for (const [type, value] of attributes) {
    const part = Buffer.alloc(align(headerSize + value.length));
    part.writeUInt16LE(headerSize + value.length, 0);
    part.writeUInt16LE(type, 2);
    part.set(value, headerSize);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** A NUL-terminated string. */
export function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

export function readString(bytes: Buffer | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

/** Undefined where there is none, or one of another size. */
export function readU32(bytes: Buffer | undefined): number | undefined {
  return bytes?.length === 4 ? bytes.readUInt32LE(0) : undefined;
}
