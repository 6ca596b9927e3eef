import { constants } from 'node:os';

/**
 * The system calls that we make, as plain functions: the one door to them, so that a test can stand behind it. None of
 * them blocks: what would is answered with EAGAIN.
 */
export interface Kernel {
  /** A file descriptor, closed on exec. */
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array): void;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array): void;
  send(fd: number, message: Uint8Array): void;
  /** As `send`, by a thread of its own: for requests that keep the kernel busy for many milliseconds. The message must not be changed meanwhile. */
  sendAside(fd: number, message: Uint8Array): Promise<void>;
  /** Bytes of the next datagram, which may be more than fit into the buffer. */
  recv(fd: number, buffer: Uint8Array): number;
  close(fd: number): void;
  /** Calls back, from the event loop, as long as the descriptor is readable. It does not keep the process alive. */
  poll(fd: number, onReadable: () => void): { close(): void };
  mount(source: string, target: string, type: string): void;
  /** Shared memory of a file; it must not be touched after `unmap`. Multiples of the page size. */
  map(fd: number, offset: number, length: number, writable: boolean): { memory: ArrayBuffer; unmap: () => void };
  /** Puts this thread, and no other, into the namespace of an open file; `kind` (CLONE_NEW...) is what it must be. */
  setns(fd: number, kind: number): void;
  /** Puts this thread, and no other, into a new namespace of that kind. */
  unshare(kind: number): void;
}

/** A network namespace (linux/sched.h). */
export const CLONE_NEWNET = 0x40000000;

/** A system call that failed. Callers know what it was for, and make a Fault of it. */
export class Errno extends Error {
  readonly call: string;
  readonly errno: number;
  /** `EPERM` */
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = errnoName(errno);
    super(`${call}: ${code}`);
    this.name = 'Errno';
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}

const names = new Map(Object.entries(constants.errno).map(([name, number]) => [number as number, name]));

/** `EPERM` for 1; `errno 4711` for one without a name. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}
