import { ipBytes, ipOf } from '../netlink/ip-bytes.ts';
import { macBytes } from '../netlink/mac.ts';
import { checksum } from './checksum.ts';
import type { Payload } from './transport.ts';

export interface Ip4Options {
  readonly source: string;
  readonly destination: string;
  readonly ttl?: number;
  readonly id?: number;
  /** In units of 8 bytes. */
  readonly fragmentOffset?: number;
  readonly moreFragments?: boolean;
  /** A multiple of 4 bytes. */
  readonly options?: Uint8Array;
  /** Not what it is. */
  readonly totalLength?: number;
  readonly version?: number;
  readonly headerWords?: number;
}

/** An IPv4 packet (RFC 791). */
export function ipv4(o: Ip4Options, payload: Payload): Buffer {
  const source = ipBytes(ipOf(o.source));
  const destination = ipBytes(ipOf(o.destination));
  const options = o.options ?? Buffer.alloc(0);
  const size = payload.bytes(Buffer.alloc(0)).length;
  const body = payload.bytes(
    Buffer.concat([source, destination, Buffer.from([0, payload.protocol, size >> 8, size & 0xff])]),
  );
  const header = Buffer.alloc(20 + options.length);
  header[0] = ((o.version ?? 4) << 4) | (o.headerWords ?? header.length / 4);
  header.writeUInt16BE(o.totalLength ?? header.length + body.length, 2);
  header.writeUInt16BE(o.id ?? 0, 4);
  header.writeUInt16BE((o.moreFragments ? 0x2000 : 0) | (o.fragmentOffset ?? 0), 6);
  header[8] = o.ttl ?? 64;
  header[9] = payload.protocol;
  source.copy(header, 12);
  destination.copy(header, 16);
  header.set(options, 20);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, body]);
}

/** An extension header: its protocol number, and its bytes after the next header's number. */
export interface Extension {
  readonly header: number;
  readonly rest: Uint8Array;
}

export interface Ip6Options {
  readonly source: string;
  readonly destination: string;
  readonly hopLimit?: number;
  readonly extensions?: readonly Extension[];
  /** Not what it is. */
  readonly payloadLength?: number;
  readonly version?: number;
}

/** An IPv6 packet (RFC 8200). */
export function ipv6(o: Ip6Options, payload: Payload): Buffer {
  const source = ipBytes(ipOf(o.source));
  const destination = ipBytes(ipOf(o.destination));
  const size = Buffer.alloc(4);
  size.writeUInt32BE(payload.bytes(Buffer.alloc(0)).length);
  const body = payload.bytes(Buffer.concat([source, destination, size, Buffer.from([0, 0, 0, payload.protocol])]));
  const extensions = o.extensions ?? [];
  const next = (index: number) => extensions[index]?.header ?? payload.protocol;
  const chain = extensions.map(({ rest }, index) => Buffer.concat([Buffer.from([next(index + 1)]), rest]));
  const content = Buffer.concat([...chain, body]);
  const header = Buffer.alloc(40);
  header[0] = (o.version ?? 6) << 4;
  header.writeUInt16BE(o.payloadLength ?? content.length, 4);
  header[6] = next(0);
  header[7] = o.hopLimit ?? 64;
  source.copy(header, 8);
  destination.copy(header, 24);
  return Buffer.concat([header, content]);
}

/** Options that say nothing, 8 bytes long: of hop-by-hop (0) or destination options (60). */
export const padding = (header: 0 | 60): Extension => ({ header, rest: Buffer.from([0, 1, 4, 0, 0, 0, 0]) });

/** @param offset in units of 8 bytes */
export function fragment(id: number, offset: number, more: boolean): Extension {
  const rest = Buffer.alloc(7);
  rest.writeUInt16BE((offset << 3) | (more ? 1 : 0), 1);
  rest.writeUInt32BE(id, 3);
  return { header: 44, rest };
}

export function routing(segmentsLeft: number, type = 4): Extension {
  return { header: 43, rest: Buffer.from([0, type, segmentsLeft, 0, 0, 0, 0]) };
}

export interface FrameOptions {
  readonly sourceMac: string;
  readonly destinationMac: string;
  /** By default what the packet's version says. */
  readonly etherType?: number;
}

/** An Ethernet frame around it. */
export function frame({ sourceMac, destinationMac, etherType }: FrameOptions, packet: Uint8Array): Buffer {
  const type = Buffer.alloc(2);
  type.writeUInt16BE(etherType ?? ((packet[0] as number) >> 4 === 6 ? 0x86dd : 0x0800));
  return Buffer.concat([macBytes(destinationMac), macBytes(sourceMac), type, packet]);
}

export interface ArpOptions {
  readonly senderMac: string;
  readonly sender: string;
  readonly target: string;
  /** 1: request, 2: reply */
  readonly operation?: number;
}

/** An ARP packet (RFC 826), of EtherType 0x0806. */
export function arp({ senderMac, sender, target, operation = 1 }: ArpOptions): Buffer {
  const header = Buffer.from([0, 1, 8, 0, 6, 4, 0, operation]);
  return Buffer.concat([header, macBytes(senderMac), ipBytes(ipOf(sender)), Buffer.alloc(6), ipBytes(ipOf(target))]);
}
