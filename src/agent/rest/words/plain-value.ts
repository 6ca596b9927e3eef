import { formatIp } from '../../../lib/ip-address.ts';

/** A key or value of the ABI for people: addresses, MAC addresses and 64-bit numbers as texts; structs of one field as that. */
export function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return bytesText(value);
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value);
  const [only] = fields;
  if (fields.length === 1 && only !== undefined && only[0] === 'bytes') return plainValue(only[1]);
  return Object.fromEntries(fields.map(([name, field]) => [name, plainValue(field)]));
}

function bytesText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length === 16) return addressText(bytes);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(bytes.length === 6 ? ':' : '');
}

/** IPv4 stands as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). */
function addressText(bytes: Uint8Array): string {
  const value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return value >> 32n === 0xffffn
    ? formatIp({ family: 4, value: value & 0xffff_ffffn })
    : formatIp({ family: 6, value });
}
