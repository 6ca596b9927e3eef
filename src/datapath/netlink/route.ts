import { encodeAttributes, parseAttributes, readU32, u32 } from './attributes.ts';
import { addressFamily, ipBytes, ipFamily, ipOf, ipText, prefixOf } from './ip-bytes.ts';
import { malformed } from './malformed.ts';

/** A route: `struct rtmsg` and its attributes (rtnetlink(7), linux/rtnetlink.h). One next hop; those of many are left out when read. */
export interface Route {
  /** `10.0.0.0/24`, `::/0`. */
  readonly destination: string;
  /** `unicast` sends on; the others answer: ICMP host unreachable, administratively prohibited, nothing. */
  readonly type: keyof typeof routeType;
  /** Index of the interface. */
  readonly link?: number;
  readonly gateway?: string;
  /** The gateway is taken to be on the link, whatever the addresses say. */
  readonly onLink?: boolean;
  /** The source address of what this node itself sends. */
  readonly source?: string;
  readonly table: number;
  /** Who made it: see /etc/iproute2/rt_protos. */
  readonly protocol: number;
  readonly scope: number;
  /** Smaller is preferred; IPv6 makes 1024 of 0. */
  readonly metric: number;
  /** Bytes; where it is smaller than the interface's. */
  readonly mtu?: number;
}

export const routeRequest = { newRoute: 24, deleteRoute: 25, getRoute: 26 } as const;

export const routeType = { unicast: 1, local: 2, blackhole: 6, unreachable: 7, prohibit: 8 } as const;

export const routeTable = { main: 254, local: 255 } as const;

/** Ours are told apart by it, as our addresses are. */
export const sluiceProtocol = 83;

const attribute = { destination: 1, link: 4, gateway: 5, metric: 6, source: 7, metrics: 8, multipath: 9, table: 15 };
const metricMtu = 2;
const onLinkFlag = 4;
/** RTM_F_CLONED: a cached answer, not a route. */
const clonedFlag = 0x200;
const fixedSize = 12;

/** The payload of RTM_NEWROUTE and RTM_DELROUTE. @throws Fault NETLINK_MALFORMED for text that is no address */
export function encodeRoute(route: Route): Buffer {
  const { ip, length } = prefixOf(route.destination);
  const fixed = Buffer.alloc(fixedSize);
  fixed.writeUInt8(addressFamily(ip.family), 0);
  fixed.writeUInt8(length, 1);
  // Tables over 255 are in the attribute alone (RT_TABLE_COMPAT).
  fixed.writeUInt8(route.table < 256 ? route.table : 252, 4);
  fixed.writeUInt8(route.protocol, 5);
  fixed.writeUInt8(route.scope, 6);
  fixed.writeUInt8(routeType[route.type], 7);
  fixed.writeUInt32LE(route.onLink === true ? onLinkFlag : 0, 8);
  const attributes: (readonly [number, Buffer])[] = [[attribute.table, u32(route.table)]];
  if (length > 0) attributes.push([attribute.destination, ipBytes(ip)]);
  if (route.link !== undefined) attributes.push([attribute.link, u32(route.link)]);
  if (route.gateway !== undefined) attributes.push([attribute.gateway, ipBytes(ipOf(route.gateway))]);
  if (route.source !== undefined) attributes.push([attribute.source, ipBytes(ipOf(route.source))]);
  if (route.metric !== 0) attributes.push([attribute.metric, u32(route.metric)]);
  if (route.mtu !== undefined) attributes.push([attribute.metrics, encodeAttributes([[metricMtu, u32(route.mtu)]])]);
  return Buffer.concat([fixed, encodeAttributes(attributes)]);
}

/** The payload of RTM_GETROUTE, for all of both families. */
export function encodeRouteQuery(): Buffer {
  return Buffer.alloc(fixedSize);
}

/** Undefined for what is no route of ours to read: another family, a cached answer, several next hops, types not in the list. @throws Fault NETLINK_MALFORMED */
export function parseRoute(payload: Buffer): Route | undefined {
  if (payload.length < fixedSize) throw malformed(`a route message of ${payload.length} bytes`);
  const family = ipFamily(payload.readUInt8(0));
  const type = typeNames.get(payload.readUInt8(7));
  const flags = payload.readUInt32LE(8);
  if (family === undefined || type === undefined || (flags & clonedFlag) !== 0) return undefined;
  const attributes = parseAttributes(payload.subarray(fixedSize));
  if (attributes.has(attribute.multipath)) return undefined;
  const text = (which: number) => {
    const bytes = attributes.get(which);
    return bytes === undefined ? undefined : ipText(family, bytes);
  };
  const [link, gateway, source] = [
    readU32(attributes.get(attribute.link)),
    text(attribute.gateway),
    text(attribute.source),
  ];
  const metrics = attributes.get(attribute.metrics);
  const mtu = metrics === undefined ? undefined : readU32(parseAttributes(metrics).get(metricMtu));
  return {
    destination: `${text(attribute.destination) ?? (family === 4 ? '0.0.0.0' : '::')}/${payload.readUInt8(1)}`,
    type,
    ...(link === undefined ? {} : { link }),
    ...(gateway === undefined ? {} : { gateway }),
    ...((flags & onLinkFlag) === 0 ? {} : { onLink: true }),
    ...(source === undefined ? {} : { source }),
    table: readU32(attributes.get(attribute.table)) ?? payload.readUInt8(4),
    protocol: payload.readUInt8(5),
    scope: payload.readUInt8(6),
    metric: readU32(attributes.get(attribute.metric)) ?? 0,
    ...(mtu === undefined ? {} : { mtu }),
  };
}

const typeNames = new Map(
  Object.entries(routeType).map(([name, number]) => [number as number, name as keyof typeof routeType]),
);
