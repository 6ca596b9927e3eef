import { bitsOf, formatIp, type IpAddress, type IpFamily, parseIp } from '../../lib/ip-address.ts';
import { malformed } from './malformed.ts';

/** Linux numbers (linux/socket.h). */
export const AF_INET = 2;
export const AF_INET6 = 10;

export const addressFamily = (family: IpFamily): number => (family === 4 ? AF_INET : AF_INET6);

export function ipFamily(number: number): IpFamily | undefined {
  if (number === AF_INET) return 4;
  return number === AF_INET6 ? 6 : undefined;
}

/** In network order, 4 or 16 bytes. */
export function ipBytes({ family, value }: IpAddress): Buffer {
  return Buffer.from(value.toString(16).padStart(bitsOf(family) / 4, '0'), 'hex');
}

/** @throws Fault NETLINK_MALFORMED for what is no address */
export function ipOf(text: string): IpAddress {
  const ip = parseIp(text);
  if (ip === undefined) throw malformed(`no address: ${text}`);
  return ip;
}

/** The text of an address, as `formatIp` writes it. @throws Fault NETLINK_MALFORMED where the length is not the family's */
export function ipText(family: IpFamily, bytes: Buffer): string {
  if (bytes.length !== bitsOf(family) / 8) throw malformed(`an address of ${bytes.length} bytes`);
  return formatIp({ family, value: BigInt(`0x${bytes.toString('hex')}`) });
}

/** `10.0.0.0/24` in its parts; the bits behind the length must be zero. @throws Fault NETLINK_MALFORMED */
export function prefixOf(text: string): { readonly ip: IpAddress; readonly length: number } {
  const slash = text.lastIndexOf('/');
  const ip = ipOf(slash < 0 ? text : text.slice(0, slash));
  const digits = slash < 0 ? String(bitsOf(ip.family)) : text.slice(slash + 1);
  const length = /^\d{1,3}$/.test(digits) ? Number(digits) : Number.NaN;
  const host = bitsOf(ip.family) - length;
  if (!(host >= 0) || (ip.value >> BigInt(host)) << BigInt(host) !== ip.value) throw malformed(`no prefix: ${text}`);
  return { ip, length };
}
