import { ipBytes, ipOf } from '../../../src/datapath/netlink/ip-bytes.ts';
import type { Address } from '../../../src/gen/abi.ts';

const mappedPrefix = Buffer.from('00000000000000000000ffff', 'hex');

/** As programs have it: IPv4 as ::ffff:a.b.c.d. */
export function address(text: string): Address {
  const ip = ipOf(text);
  return { bytes: ip.family === 4 ? Buffer.concat([mappedPrefix, ipBytes(ip)]) : ipBytes(ip) };
}

export const unset: Address = { bytes: Buffer.alloc(16) };
