import { type Attributes, cString, encodeAttributes, parseAttributes, readString, readU32, u32 } from './attributes.ts';
import { AF_INET6 } from './ip-bytes.ts';
import { formatMac, macBytes } from './mac.ts';
import { malformed } from './malformed.ts';

/** A network interface: `struct ifinfomsg` and its attributes (rtnetlink(7), linux/if_link.h). */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** `veth`, `vxlan`, `bridge`...; undefined for hardware and `lo`. */
  readonly kind?: string;
  /** Administratively; whether there is a carrier, `flags` says. */
  readonly isUp: boolean;
  readonly flags: number;
  /** Bytes. */
  readonly mtu: number;
  readonly mac?: string;
  /** Of a veth: index of the other end, in that one's network namespace; of a VLAN: of the device below. */
  readonly peer?: number;
  /** The peer's network namespace as this one numbers it; undefined: it is this one. */
  readonly peerNamespace?: number;
  /** Index of the bridge or bond that this interface is a port of. */
  readonly master?: number;
  readonly alias?: string;
  /** Of a VXLAN device. */
  readonly vxlan?: Vxlan;
}

export interface Vxlan {
  /** UDP. */
  readonly port: number;
  /** VNI and addresses come with each packet (collect metadata), so that one device serves every tunnel. */
  readonly isExternal: boolean;
}

/** What can be said of an interface, when it is made and later. */
export interface LinkSettings {
  readonly name?: string;
  readonly mtu?: number;
  readonly mac?: string;
  readonly up?: boolean;
  readonly alias?: string;
  /** A number by which several interfaces can be named at once. */
  readonly group?: number;
  /** An open file of a network namespace: where it is to be. */
  readonly namespaceFd?: number;
  /** False: the kernel makes no IPv6 link-local address, and asks nobody about one. Only for interfaces that exist. */
  readonly linkLocal?: boolean;
}

export type LinkKind =
  | { readonly kind: 'veth'; readonly peer: LinkSettings }
  | { readonly kind: 'vxlan'; readonly port: number };

export const linkRequest = { newLink: 16, deleteLink: 17, getLink: 18, setLink: 19 } as const;

/** Of `flags` (IFF_*, linux/if.h). */
export const linkFlag = { up: 0x1, loopback: 0x8, running: 0x40, noArp: 0x80 } as const;

const attribute = {
  ...{ mac: 1, name: 3, mtu: 4, peer: 5, master: 10, info: 18, alias: 20, families: 26, group: 27, namespaceFd: 28 },
  peerNamespace: 37,
} as const;
const info = { kind: 1, data: 2 } as const;
const vxlan = { learning: 7, port: 15, zeroChecksum6Tx: 19, zeroChecksum6Rx: 20, collectMetadata: 25 } as const;
/** VETH_INFO_PEER (linux/veth.h): an `ifinfomsg` and its attributes again. */
const vethPeer = 1;
/** IFLA_INET6_ADDR_GEN_MODE and its values (linux/if_link.h). */
const addressGeneration = { attribute: 8, eui64: 0, none: 1 } as const;
const fixedSize = 16;

/** The payload of RTM_NEWLINK and RTM_SETLINK; index 0 is an interface to be made. */
export function encodeLink(index: number, settings: LinkSettings, kind?: LinkKind): Buffer {
  const { name, mtu, mac, up, alias, group, namespaceFd, linkLocal } = settings;
  const fixed = Buffer.alloc(fixedSize);
  fixed.writeInt32LE(index, 4);
  if (up !== undefined) {
    fixed.writeUInt32LE(up ? linkFlag.up : 0, 8);
    // Of all flags, this one changes.
    fixed.writeUInt32LE(linkFlag.up, 12);
  }
  const mode = linkLocal === false ? addressGeneration.none : addressGeneration.eui64;
  return Buffer.concat([
    fixed,
    encodeAttributes([
      ...one(attribute.name, name, cString),
      ...one(attribute.mtu, mtu, u32),
      ...one(attribute.mac, mac, macBytes),
      ...one(attribute.alias, alias, cString),
      ...one(attribute.group, group, u32),
      ...one(attribute.namespaceFd, namespaceFd, u32),
      ...one(attribute.families, linkLocal, () =>
        encodeAttributes([[AF_INET6, encodeAttributes([[addressGeneration.attribute, Buffer.of(mode)]])]]),
      ),
      ...one(attribute.info, kind, encodeKind),
    ]),
  ]);
}

/** The payload of RTM_GETLINK and RTM_DELLINK for one interface, or with neither for all. */
export function encodeLinkQuery(which: { readonly index?: number; readonly name?: string } = {}): Buffer {
  return encodeLink(which.index ?? 0, which.name === undefined ? {} : { name: which.name });
}

/** @throws Fault NETLINK_MALFORMED */
export function parseLink(payload: Buffer): Link {
  if (payload.length < fixedSize) throw malformed(`a link message of ${payload.length} bytes`);
  const attributes = parseAttributes(payload.subarray(fixedSize));
  const name = readString(attributes.get(attribute.name));
  if (name === undefined) throw malformed('a link without a name');
  const nested = attributes.get(attribute.info);
  const about = nested === undefined ? undefined : parseAttributes(nested);
  const kind = readString(about?.get(info.kind));
  const data = about?.get(info.data);
  const flags = payload.readUInt32LE(8);
  return {
    index: payload.readInt32LE(4),
    name,
    isUp: (flags & linkFlag.up) !== 0,
    flags,
    mtu: readU32(attributes.get(attribute.mtu)) ?? 0,
    ...defined('kind', kind),
    ...defined('mac', formatMac(attributes.get(attribute.mac))),
    ...defined('peer', readU32(attributes.get(attribute.peer))),
    ...defined('peerNamespace', readU32(attributes.get(attribute.peerNamespace))),
    ...defined('master', readU32(attributes.get(attribute.master))),
    ...defined('alias', readString(attributes.get(attribute.alias))),
    ...(kind === 'vxlan' && data !== undefined ? { vxlan: parseVxlan(parseAttributes(data)) } : {}),
  };
}

function encodeKind(kind: LinkKind): Buffer {
  const data =
    kind.kind === 'veth'
      ? encodeAttributes([[vethPeer, encodeLink(0, kind.peer)]])
      : encodeAttributes([
          [vxlan.port, Buffer.of(kind.port >> 8, kind.port & 0xff)],
          [vxlan.collectMetadata, Buffer.of(1)],
          [vxlan.learning, Buffer.of(0)],
          // Outer checksums are spared, as with IPv4: the inner packet has its own.
          [vxlan.zeroChecksum6Tx, Buffer.of(1)],
          [vxlan.zeroChecksum6Rx, Buffer.of(1)],
        ]);
  return encodeAttributes([
    [info.kind, Buffer.from(kind.kind)],
    [info.data, data],
  ]);
}

function parseVxlan(data: Attributes): Vxlan {
  const port = data.get(vxlan.port);
  return {
    port: port?.length === 2 ? port.readUInt16BE(0) : 0,
    isExternal: data.get(vxlan.collectMetadata)?.[0] === 1,
  };
}

function one<T>(type: number, value: T | undefined, encode: (value: T) => Buffer): (readonly [number, Buffer])[] {
  return value === undefined ? [] : [[type, encode(value)]];
}

function defined<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: V });
}
