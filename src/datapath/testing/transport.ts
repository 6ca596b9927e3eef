import { checksum } from './checksum.ts';

/** What an IP packet carries. */
export interface Payload {
  readonly protocol: number;
  /** @param pseudo the pseudo-header to be summed up with it (RFC 9293, 3.1; RFC 8200, 8.1) */
  bytes(pseudo: Uint8Array): Buffer;
}

export interface Ports {
  readonly source: number;
  readonly destination: number;
  readonly data?: Uint8Array;
}

export interface TcpOptions extends Ports {
  /** Any of F, S, R, P, A, U; default S. */
  readonly flags?: string;
  readonly seq?: number;
  readonly ack?: number;
  /** In 32-bit words; default 5. */
  readonly dataOffset?: number;
}

const tcpFlags: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, P: 8, A: 16, U: 32 };

export function tcp({ source, destination, flags = 'S', seq = 1, ack = 0, dataOffset = 5, data }: TcpOptions): Payload {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(source, 0);
  header.writeUInt16BE(destination, 2);
  header.writeUInt32BE(seq, 4);
  header.writeUInt32BE(ack, 8);
  header[12] = dataOffset << 4;
  header[13] = [...flags].reduce((bits, flag) => bits | (tcpFlags[flag] as number), 0);
  header.writeUInt16BE(0xffff, 14);
  return summed(6, Buffer.concat([header, data ?? Buffer.alloc(0)]), 16);
}

export function udp({ source, destination, data = Buffer.alloc(0) }: Ports): Payload {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(source, 0);
  header.writeUInt16BE(destination, 2);
  header.writeUInt16BE(8 + data.length, 4);
  return summed(17, Buffer.concat([header, data]), 6);
}

export function sctp({ source, destination, data = Buffer.alloc(0) }: Ports): Payload {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(source, 0);
  header.writeUInt16BE(destination, 2);
  return raw(132, Buffer.concat([header, data]));
}

export interface IcmpOptions {
  readonly type: number;
  readonly code?: number;
  /** Of an echo. */
  readonly id?: number;
  readonly data?: Uint8Array;
}

/** ICMP for IPv4 (RFC 792): its checksum has no pseudo-header. */
export function icmp4({ type, code = 0, id = 0, data = Buffer.alloc(0) }: IcmpOptions): Payload {
  const bytes = Buffer.concat([icmpHeader(type, code, id), data]);
  bytes.writeUInt16BE(checksum(bytes), 2);
  return raw(1, bytes);
}

export function icmp6({ type, code = 0, id = 0, data = Buffer.alloc(0) }: IcmpOptions): Payload {
  return summed(58, Buffer.concat([icmpHeader(type, code, id), data]), 2);
}

/** Bytes as they are. */
export function raw(protocol: number, bytes: Uint8Array): Payload {
  return { protocol, bytes: () => Buffer.from(bytes) };
}

function icmpHeader(type: number, code: number, id: number): Buffer {
  const header = Buffer.alloc(8);
  header[0] = type;
  header[1] = code;
  header.writeUInt16BE(id, 4);
  return header;
}

function summed(protocol: number, unsummed: Buffer, at: number): Payload {
  return {
    protocol,
    bytes: (pseudo) => {
      const bytes = Buffer.from(unsummed);
      bytes.writeUInt16BE(checksum(pseudo, bytes), at);
      return bytes;
    },
  };
}
