import { encodeAttributes, parseAttributes } from './attributes.ts';
import { addressFamily, ipBytes, ipFamily, ipOf, ipText } from './ip-bytes.ts';
import { formatMac, macBytes } from './mac.ts';
import { malformed } from './malformed.ts';

/** Which MAC address an IP address has on a link: `struct ndmsg` and its attributes (rtnetlink(7), linux/neighbour.h). */
export interface Neighbour {
  readonly address: string;
  /** Index of the interface. */
  readonly link: number;
  /** Undefined while nobody knows it. */
  readonly mac?: string;
  /** Of `neighbourState`. */
  readonly state: number;
  /** The link is answered in the address's place (NTF_PROXY). */
  readonly isProxy?: boolean;
}

export const neighbourRequest = { newNeighbour: 28, deleteNeighbour: 29, getNeighbour: 30 } as const;

/** NUD_*: a permanent one is never asked about, and never forgotten. */
export const neighbourState = { reachable: 0x02, stale: 0x04, failed: 0x20, noArp: 0x40, permanent: 0x80 } as const;

const attribute = { address: 1, mac: 2 } as const;
const fixedSize = 12;
/** NTF_PROXY */
const proxyFlag = 0x08;

/** The payload of RTM_NEWNEIGH and RTM_DELNEIGH. @throws Fault NETLINK_MALFORMED for text that is no address */
export function encodeNeighbour({ address, link, mac, state, isProxy }: Neighbour): Buffer {
  const ip = ipOf(address);
  const fixed = Buffer.alloc(fixedSize);
  fixed.writeUInt8(addressFamily(ip.family), 0);
  fixed.writeInt32LE(link, 4);
  fixed.writeUInt16LE(state, 8);
  fixed.writeUInt8(isProxy === true ? proxyFlag : 0, 10);
  return Buffer.concat([
    fixed,
    encodeAttributes([
      [attribute.address, ipBytes(ip)],
      ...(mac === undefined ? [] : [[attribute.mac, macBytes(mac)] as const]),
    ]),
  ]);
}

/** The payload of RTM_GETNEIGH, for all of both families. */
export function encodeNeighbourQuery(): Buffer {
  return Buffer.alloc(fixedSize);
}

/** Undefined for one of another family: bridges keep theirs in the same table. @throws Fault NETLINK_MALFORMED */
export function parseNeighbour(payload: Buffer): Neighbour | undefined {
  if (payload.length < fixedSize) throw malformed(`a neighbour message of ${payload.length} bytes`);
  const family = ipFamily(payload.readUInt8(0));
  if (family === undefined) return undefined;
  const attributes = parseAttributes(payload.subarray(fixedSize));
  const mac = formatMac(attributes.get(attribute.mac));
  return {
    address: ipText(family, attributes.get(attribute.address) ?? Buffer.alloc(0)),
    link: payload.readInt32LE(4),
    ...(mac === undefined ? {} : { mac }),
    state: payload.readUInt16LE(8),
    ...((payload.readUInt8(10) & proxyFlag) === 0 ? {} : { isProxy: true }),
  };
}
