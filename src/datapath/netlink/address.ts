import { cString, encodeAttributes, parseAttributes, readString, u32 } from './attributes.ts';
import { addressFamily, ipBytes, ipFamily, ipOf, ipText } from './ip-bytes.ts';
import { malformed } from './malformed.ts';

/** An address of an interface: `struct ifaddrmsg` and its attributes (rtnetlink(7), linux/if_addr.h). */
export interface InterfaceAddress {
  /** As `formatIp` writes it. */
  readonly address: string;
  readonly prefixLength: number;
  /** Index of the interface. */
  readonly link: number;
  readonly scope: number;
  readonly flags: number;
  /** IPv4 only. */
  readonly label?: string;
  /** Who made it (`IFA_PROTO`, Linux 5.18 or newer); 0 where nobody says. */
  readonly protocol: number;
}

export const requestType = { newAddress: 20, deleteAddress: 21, getAddress: 22 } as const;

export const addressFlag = {
  /** IPv6: used at once, without asking the link whether somebody else has it. */
  noDad: 0x02,
  /** No route to the whole prefix comes with it. */
  noPrefixRoute: 0x200,
} as const;

export const scope = { universe: 0, link: 253, host: 254 } as const;

const attribute = { address: 1, local: 2, label: 3, flags: 8, protocol: 11 } as const;
const fixedSize = 8;

/** The payload of RTM_NEWADDR and RTM_DELADDR. */
export function encodeAddress(one: InterfaceAddress): Buffer {
  const ip = ipOf(one.address);
  const bytes = ipBytes(ip);
  const fixed = Buffer.alloc(fixedSize);
  fixed.writeUInt8(addressFamily(ip.family), 0);
  fixed.writeUInt8(one.prefixLength, 1);
  // All flags are in an attribute as well, as there are more than fit here.
  fixed.writeUInt8(one.flags & 0xff, 2);
  fixed.writeUInt8(one.scope, 3);
  fixed.writeUInt32LE(one.link, 4);
  return Buffer.concat([
    fixed,
    encodeAttributes([
      [attribute.local, bytes],
      [attribute.address, bytes],
      ...(one.label === undefined ? [] : [[attribute.label, cString(one.label)] as const]),
      [attribute.flags, u32(one.flags)],
      ...(one.protocol === 0 ? [] : [[attribute.protocol, Buffer.of(one.protocol)] as const]),
    ]),
  ]);
}

/** The payload of RTM_GETADDR, for all of them. */
export function encodeAddressQuery(): Buffer {
  return Buffer.alloc(fixedSize);
}

/** Undefined for an address of another family. @throws Fault NETLINK_MALFORMED */
export function parseAddress(payload: Buffer): InterfaceAddress | undefined {
  if (payload.length < fixedSize) throw malformed(`an address message of ${payload.length} bytes`);
  const family = ipFamily(payload.readUInt8(0));
  if (family === undefined) return undefined;
  const attributes = parseAttributes(payload.subarray(fixedSize));
  // On point-to-point links `address` is the other end's, and `local` ours.
  const bytes = attributes.get(attribute.local) ?? attributes.get(attribute.address);
  const flags = attributes.get(attribute.flags);
  const label = readString(attributes.get(attribute.label));
  return {
    address: ipText(family, bytes ?? Buffer.alloc(0)),
    prefixLength: payload.readUInt8(1),
    link: payload.readUInt32LE(4),
    scope: payload.readUInt8(3),
    flags: flags?.length === 4 ? flags.readUInt32LE(0) : payload.readUInt8(2),
    ...(label === undefined ? {} : { label }),
    protocol: attributes.get(attribute.protocol)?.[0] ?? 0,
  };
}
