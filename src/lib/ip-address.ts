import { isIP } from 'node:net';

export type IpFamily = 4 | 6;

/** An IP address as a number, so that ranges can be counted through. */
export interface IpAddress {
  readonly family: IpFamily;
  readonly value: bigint;
}

/** Addresses from `first` to `last`, both included. */
export interface IpRange {
  readonly family: IpFamily;
  readonly first: bigint;
  readonly last: bigint;
}

export const bitsOf = (family: IpFamily): number => (family === 4 ? 32 : 128);

/** An address literal. Undefined for anything else, and for addresses with a zone: these are of one host only. */
export function parseIp(text: string): IpAddress | undefined {
  const family = isIP(text);
  if (family === 4) return { family, value: BigInt(v4Number(text)) };
  if (family !== 6 || text.includes('%')) return undefined;
  const [head = '', tail] = text.split('::', 2);
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const all = [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
  return { family: 6, value: all.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n) };
}

/** In the one form of RFC 5952: lower case, the longest run of zeros as `::`. */
export function formatIp({ family, value }: IpAddress): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const all = Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(112 - 16 * i)) & 0xffffn));
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && all[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (best.length === 1) return hex(all);
  return `${hex(all.slice(0, best.start))}::${hex(all.slice(best.start + best.length))}`;
}

/** `10.0.0.0/24`, `2001:db8::/64`: every address of the network that the address stands in. */
export function parseCidr(text: string): IpRange | undefined {
  const slash = text.indexOf('/');
  const length = text.slice(slash + 1);
  const address = slash < 0 || !/^(?:0|[1-9]\d{0,2})$/.test(length) ? undefined : parseIp(text.slice(0, slash));
  if (address === undefined || Number(length) > bitsOf(address.family)) return undefined;
  const host = BigInt(bitsOf(address.family) - Number(length));
  const first = (address.value >> host) << host;
  return { family: address.family, first, last: first + (1n << host) - 1n };
}

/** A network, or an address alone; undefined for anything else. */
export function parseRange(text: string): IpRange | undefined {
  const ip = parseIp(text);
  return ip === undefined ? parseCidr(text) : { family: ip.family, first: ip.value, last: ip.value };
}

export function contains(range: IpRange, { family, value }: IpAddress): boolean {
  return family === range.family && value >= range.first && value <= range.last;
}

function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)];
    const number = v4Number(part);
    return [Math.floor(number / 0x10000), number % 0x10000];
  });
}

function v4Number(text: string): number {
  return text.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
}
