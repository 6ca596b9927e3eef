import { endianness } from 'node:os';
import { assert, Fault } from '../../lib/fault.ts';
import { Errno, errnoName, type Kernel } from '../sys/kernel-calls.ts';
import { u32 } from './attributes.ts';
import { malformed } from './malformed.ts';
import { encodeMessage, flag, type Message, messageType, parseAnswer, parseMessages } from './message.ts';

/** Linux numbers (linux/socket.h, linux/netlink.h). */
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;

/** The kernel fills what it is given up to 32 KiB. */
const bufferSize = 64 << 10;
/** A dump that was overtaken by changes is read again; that it happens so often in a row, nobody has seen. */
const mostTries = 10;

/** One of several changes that are asked for together. */
export interface Change {
  readonly operation: string;
  readonly type: number;
  readonly flags: number;
  readonly payload: Buffer;
}

/**
 * A conversation with the kernel's routing (rtnetlink(7)): one request, its answer, the next request. The kernel answers
 * while the request is sent, so nothing here waits, and each call takes some microseconds.
 */
export class NetlinkSocket {
  readonly #kernel: Kernel;
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(bufferSize);
  #sequence = 0;
  #open = true;

  /** @throws Fault NETLINK_SOCKET */
  constructor(kernel: Kernel) {
    assert(endianness() === 'LE', 'netlink: messages are written in little-endian order');
    this.#kernel = kernel;
    try {
      this.#fd = kernel.socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    } catch (error) {
      throw Fault.from(error, 'NETLINK_SOCKET', 'netlink');
    }
    try {
      // The kernel chooses our port: `struct sockaddr_nl` with nothing but the family.
      kernel.bind(this.#fd, Buffer.of(AF_NETLINK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
      // What was wrong, in words, and not the whole request again.
      kernel.setsockopt(this.#fd, SOL_NETLINK, NETLINK_EXT_ACK, u32(1));
      kernel.setsockopt(this.#fd, SOL_NETLINK, NETLINK_CAP_ACK, u32(1));
    } catch (error) {
      this.close();
      throw Fault.from(error, 'NETLINK_SOCKET', 'netlink');
    }
  }

  /**
   * Asks for a change and takes the acknowledgement.
   * @throws Fault `NETLINK_EPERM` and so on by what the kernel says; NETLINK_MALFORMED
   */
  change(operation: string, type: number, flags: number, payload: Buffer): void {
    this.#ask(operation, type, flags | flag.ack, payload, (message) => {
      throw malformed(`${operation}: an answer of type ${message.type}`);
    });
  }

  /**
   * Asks for several changes in one datagram, by a thread of its own: for what keeps the kernel busy for milliseconds. The kernel
   * makes them in this order, whether or not one fails. Nothing else may be asked by this socket meanwhile.
   * @returns for each of them what was wrong with it
   * @throws as `change`, where none of them was made
   */
  async changeAside(changes: readonly Change[]): Promise<(Fault | undefined)[]> {
    const first = this.#sequence + 1;
    this.#sequence += changes.length;
    const messages = changes.map(({ type, flags, payload }, i) =>
      encodeMessage({ type, flags: flags | flag.ack | flag.request, sequence: (first + i) >>> 0, payload }),
    );
    const what = changes.map(({ operation }) => operation).join(', ');
    const operations = new Map(changes.map(({ operation }, i) => [(first + i) >>> 0, operation]));
    const answers = new Map<number, Fault | undefined>();
    try {
      await this.#kernel.sendAside(this.#fd, Buffer.concat(messages));
      while (answers.size < changes.length)
        for (const message of this.#receive(what)) {
          const operation = operations.get(message.sequence);
          if (operation === undefined || message.type !== messageType.error) continue;
          answers.set(message.sequence, answered(operation, message));
        }
    } catch (error) {
      throw failed(what, error);
    }
    return changes.map((_, i) => answers.get((first + i) >>> 0));
  }

  /**
   * One object: its payload.
   * @throws as `change`: `NETLINK_ENODEV` and the like where it is not there
   */
  get(operation: string, type: number, payload: Buffer): Buffer {
    let found: Buffer | undefined;
    this.#ask(operation, type, flag.ack, payload, (message) => {
      found = Buffer.from(message.payload);
    });
    if (found === undefined) throw malformed(`${operation}: no answer`);
    return found;
  }

  /**
   * All that there is of something, at one moment.
   * @throws as `change`; Fault NETLINK_CHANGING where it changes faster than it can be read
   */
  dump(operation: string, type: number, payload: Buffer): Buffer[] {
    for (let tries = 0; tries < mostTries; tries++) {
      const found: Buffer[] = [];
      let interrupted = false;
      this.#ask(operation, type, flag.dump, payload, (message) => {
        if ((message.flags & flag.dumpInterrupted) !== 0) interrupted = true;
        // The buffer is used again for the next datagram.
        if (message.type !== messageType.done) found.push(Buffer.from(message.payload));
      });
      if (!interrupted) return found;
    }
    throw new Fault('NETLINK_CHANGING', `netlink: ${operation}: it changes faster than it can be read`);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#kernel.close(this.#fd);
  }

  #ask(operation: string, type: number, flags: number, payload: Buffer, each: (message: Message) => void): void {
    assert(this.#open, 'netlink: the socket is closed');
    const sequence = ++this.#sequence >>> 0;
    try {
      this.#kernel.send(this.#fd, encodeMessage({ type, flags: flags | flag.request, sequence, payload }));
      for (let over = false; !over; ) {
        for (const message of this.#receive(operation)) {
          // Of a request before, which was given up.
          if (message.sequence !== sequence) continue;
          if (message.type === messageType.done) each(message);
          if (message.type === messageType.done || message.type === messageType.error) {
            const fault = answered(operation, message);
            if (fault !== undefined) throw fault;
            over = true;
          } else if (message.type !== messageType.noop) each(message);
        }
      }
    } catch (error) {
      throw failed(operation, error);
    }
  }

  #receive(operation: string): Message[] {
    const length = this.#kernel.recv(this.#fd, this.#buffer);
    if (length > bufferSize) throw malformed(`${operation}: a datagram of ${length} bytes`);
    return parseMessages(this.#buffer.subarray(0, length));
  }
}

function failed(operation: string, error: unknown): unknown {
  if (!(error instanceof Errno)) return error;
  return new Fault(`NETLINK_${error.code}`, `netlink: ${operation}: ${error.message}`, { cause: error });
}

const hints: Readonly<Record<string, string>> = {
  EPERM: 'the capability NET_ADMIN is needed in the network namespace of the node',
};

/** What the kernel says against it. */
function answered(operation: string, message: Message): Fault | undefined {
  const { errno, text } = parseAnswer(message);
  if (errno === 0) return undefined;
  const name = errnoName(errno);
  const hint = hints[name];
  return new Fault(
    `NETLINK_${name}`,
    `netlink: ${operation}: ${name}${text === undefined ? '' : ` (${text})`}`,
    hint === undefined ? {} : { hint },
  );
}
