import { frame, type Ip4Options, ipv4 } from '../../../src/datapath/testing/packet.ts';
import { raw } from '../../../src/datapath/testing/transport.ts';
import { otherNodeMac } from './test-node.ts';

export interface VxlanOptions {
  readonly vni: number;
  /** The flow's. */
  readonly port?: number;
  readonly udpChecksum?: number;
  readonly udpLength?: number;
  readonly flags?: number;
  /** In the reserved byte after the VNI. */
  readonly reserved?: number;
  readonly ip?: Partial<Ip4Options>;
}

/** Of all headers together, without options. */
export const vxlanOverhead = 50;

/** What node 10.9.0.2 sends to 10.9.0.1: a frame in VXLAN (RFC 7348), as its programs or its device make it. */
export function inVxlan(inner: Uint8Array, options: VxlanOptions): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt16BE(options.port ?? 50_000, 0);
  header.writeUInt16BE(8472, 2);
  header.writeUInt16BE(options.udpLength ?? header.length + inner.length, 4);
  header.writeUInt16BE(options.udpChecksum ?? 0, 6);
  header[8] = options.flags ?? 8;
  header.writeUInt32BE(options.vni * 256 + (options.reserved ?? 0), 12);
  const udp = raw(17, Buffer.concat([header, inner]));
  const ip = { source: '10.9.0.2', destination: '10.9.0.1', ...options.ip };
  return frame({ sourceMac: otherNodeMac, destinationMac: '0a:00:00:00:09:01' }, ipv4(ip, udp));
}
