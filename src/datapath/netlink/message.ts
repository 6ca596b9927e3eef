import { parseAttributes, readString } from './attributes.ts';
import { malformed } from './malformed.ts';

/** `struct nlmsghdr` (netlink(7)) and what follows it. Numbers are in the host's order: little-endian on all we run on. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Buffer;
}

/** What a kernel answers a request with, other than data. */
export interface Answer {
  /** 0: done as asked. */
  readonly errno: number;
  /** The kernel's own words (extended acknowledgement). */
  readonly text?: string;
}

export const headerSize = 16;

export const messageType = { noop: 1, error: 2, done: 3, overrun: 4 } as const;

export const flag = {
  request: 0x1,
  multi: 0x2,
  ack: 0x4,
  /** In an answer: what was read changed meanwhile. */
  dumpInterrupted: 0x10,
  /** In an error: the request is not repeated after its header; attributes follow. */
  capped: 0x100,
  ackAttributes: 0x200,
  /** Of requests for data: all. */
  dump: 0x300,
  /** Of requests for something new: what is there in its place goes. */
  replace: 0x100,
  /** Of requests for something new: it must not be there. */
  exclusive: 0x200,
  create: 0x400,
} as const;

export function encodeMessage({ type, flags, sequence, payload }: Message): Buffer {
  const bytes = Buffer.alloc(headerSize + payload.length);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(flags, 6);
  bytes.writeUInt32LE(sequence, 8);
  bytes.set(payload, headerSize);
  return bytes;
}

/** The messages of one datagram. @throws Fault NETLINK_MALFORMED */
export function parseMessages(bytes: Buffer): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.length - at < headerSize ? 0 : bytes.readUInt32LE(at);
    if (length < headerSize || length > bytes.length - at) throw malformed(`a message of ${length} bytes at ${at}`);
    messages.push({
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      payload: bytes.subarray(at + headerSize, at + length),
    });
    at += (length + 3) & ~3;
  }
  return messages;
}

/** Of `NLMSGERR_ATTR_*`: the kernel's message. */
const attributeText = 1;

/** What a message of type error or done says. @throws Fault NETLINK_MALFORMED */
export function parseAnswer({ type, flags, payload }: Message): Answer {
  if (payload.length < 4) {
    // The end of a dump need not say more than that.
    if (type === messageType.done) return { errno: 0 };
    throw malformed(`an error of ${payload.length} bytes`);
  }
  const errno = 0 - payload.readInt32LE(0);
  const text = readString(attributesOf(flags, type, payload)?.get(attributeText));
  return text === undefined || text === '' ? { errno } : { errno, text };
}

function attributesOf(flags: number, type: number, payload: Buffer) {
  if ((flags & flag.ackAttributes) === 0) return undefined;
  if (type === messageType.done) return parseAttributes(payload.subarray(4));
  if (payload.length < 4 + headerSize) throw malformed(`an error of ${payload.length} bytes`);
  // The request's header, and the request itself unless it was left out.
  const request = (flags & flag.capped) === 0 ? payload.readUInt32LE(4) : headerSize;
  if (request < headerSize) throw malformed(`an error about a request of ${request} bytes`);
  return parseAttributes(payload.subarray(4 + ((request + 3) & ~3)));
}
