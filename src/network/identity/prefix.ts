import { bitsOf, formatIp, type IpFamily, parseIp } from '../../lib/ip-address.ts';

/** A network as numbers. Two that say the same have the same {@link Prefix.text}. */
export interface Prefix {
  readonly family: IpFamily;
  /** Of the first address. */
  readonly value: bigint;
  /** 0 to 32 or 128. */
  readonly length: number;
  /** `10.0.0.0/8`, canonical: host bits zero, RFC 5952. */
  readonly text: string;
}

/** A network, or an address as a network of one. Undefined for anything else. Host bits are cleared. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  const address = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const bits = bitsOf(address.family);
  const digits = text.slice(slash + 1);
  if (slash >= 0 && !/^(?:0|[1-9]\d{0,2})$/.test(digits)) return undefined;
  const length = slash < 0 ? bits : Number(digits);
  return length > bits ? undefined : makePrefix(address.family, address.value, length);
}

export function makePrefix(family: IpFamily, value: bigint, length: number): Prefix {
  const host = BigInt(bitsOf(family) - length);
  const first = (value >> host) << host;
  return { family, value: first, length, text: `${formatIp({ family, value: first })}/${length}` };
}

/** Whether every address of `inner` is in `outer`. */
export function covers(outer: Prefix, inner: Prefix): boolean {
  if (outer.family !== inner.family || outer.length > inner.length) return false;
  const host = BigInt(bitsOf(outer.family) - outer.length);
  return inner.value >> host === outer.value >> host;
}
