import { bitsOf, formatIp, type IpRange, parseCidr, parseIp } from '../../lib/ip-address.ts';
import { CIDR, type Context, type Format, map, type Schema, string } from '../schema/index.ts';

/** In the one form that compares equal: without the host's bits, IPv6 as RFC 5952 has it; what is mapped IPv4 is IPv4. */
export function canonicalNetwork(any: IpRange): string {
  const range = unmapped(any);
  const size = range.last - range.first;
  const hostBits = size === 0n ? 0 : size.toString(2).length;
  return `${formatIp({ family: range.family, value: range.first })}/${bitsOf(range.family) - hostBits}`;
}

const IP4_MAPPED = 0xffffn;

/** `::ffff:10.0.0.0/104` is 10.0.0.0/8 (RFC 4291, 2.5.5.2): no packet of IPv6 has such an address, so it would be in no force. */
function unmapped({ family, first, last }: IpRange): IpRange {
  if (family === 4 || first >> 32n !== IP4_MAPPED || last >> 32n !== IP4_MAPPED) return { family, first, last };
  return { family: 4, first: BigInt.asUintN(32, first), last: BigInt.asUintN(32, last) };
}

const NETWORK_OR_ADDRESS: Format = {
  is: 'an address or a network such as 10.0.0.1, 10.0.0.0/24 or 2001:db8::/64, whose mask is a number of leading bits',
  test: (value) => parseIp(value) !== undefined || parseCidr(value) !== undefined,
};

/** `10.1.2.3/8` as `10.0.0.0/8`. */
export const network: Schema<string> = map(string({ format: CIDR }), (text) =>
  canonicalNetwork(parseCidr(text) as IpRange),
);

/** An address is a network of one. */
export const networkOrAddress: Schema<string> = map(string({ format: NETWORK_OR_ADDRESS }), (text) => {
  const range = parseCidr(text);
  if (range !== undefined) return canonicalNetwork(range);
  const { family, value } = parseIp(text) as NonNullable<ReturnType<typeof parseIp>>;
  return canonicalNetwork({ family, first: value, last: value });
});

/**
 * Networks in `except` must lie within `cidr`; both canonical.
 * @param strictly they must be smaller, too
 */
export function checkExceptions(
  { cidr, except }: { readonly cidr: string; readonly except: readonly string[] },
  context: Context,
  strictly = false,
): void {
  const outer = parseCidr(cidr) as IpRange;
  for (const [i, each] of except.entries()) {
    const inner = parseCidr(each) as IpRange;
    const within = inner.family === outer.family && inner.first >= outer.first && inner.last <= outer.last;
    if (!within)
      context.error('InvalidValue', `is ${each}, which is not within ${cidr}`, `except takes parts of ${cidr} out`, [
        'except',
        i,
      ]);
    else if (strictly && each === cidr)
      context.error('InvalidValue', `is ${each}, all of cidr`, 'take out a part of it, or remove the peer', [
        'except',
        i,
      ]);
  }
}
