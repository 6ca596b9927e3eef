import {
  bitsOf,
  contains,
  formatIp,
  type IpAddress,
  type IpFamily,
  type IpRange,
  parseCidr,
} from '../../lib/ip-address.ts';

/** A network of Pods, in its one form: `10.0.1.0/24`, whatever host part it was written with. */
export interface PodCidr extends IpRange {
  readonly text: string;
  readonly length: number;
  /** What can be given out. */
  readonly usable: IpRange;
}

/** Undefined for what is no network. */
export function podCidrOf(text: string): PodCidr | undefined {
  const range = parseCidr(text);
  if (range === undefined) return undefined;
  const length = Number(text.slice(text.indexOf('/') + 1));
  const usable = usableOf(range, bitsOf(range.family) - length);
  return { ...range, text: `${formatIp({ family: range.family, value: range.first })}/${length}`, length, usable };
}

export const sizeOfRange = ({ first, last }: IpRange): bigint => last - first + 1n;

export const sameAddress = (a: IpAddress, b: IpAddress): boolean => a.family === b.family && a.value === b.value;

/** CIDRs are one inside the other, or have nothing in common. */
export function overlaps(a: IpRange, b: IpRange): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

export const isUsable = (cidr: PodCidr, address: IpAddress): boolean => contains(cidr.usable, address);

/**
 * Without the network's own address and the one of all its hosts (RFC 1122, 3.2.1.3), or without the anycast address of its
 * routers (RFC 4291, 2.6.1). Networks of one or two addresses have neither (RFC 3021, RFC 6164).
 */
function usableOf(range: IpRange, hostBits: number): IpRange {
  if (hostBits < 2) return range;
  const { family, first, last } = range;
  return { family, first: first + 1n, last: family === 4 ? last - 1n : last };
}

export const familyName = (family: IpFamily): 'IPv4' | 'IPv6' => (family === 4 ? 'IPv4' : 'IPv6');
