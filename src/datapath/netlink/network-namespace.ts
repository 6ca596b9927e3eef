import { closeSync, fstatSync, openSync, statfsSync, statSync } from 'node:fs';
import { assert, Fault } from '../../lib/fault.ts';
import { CLONE_NEWNET, type Kernel } from '../sys/kernel-calls.ts';
import { Netlink } from './netlink.ts';

/** NSFS_MAGIC (linux/magic.h): anything else at that path is not a namespace (any more). */
const namespaceFilesystem = 0x6e736673;
const own = '/proc/thread-self/ns/net';

/**
 * The door into a network namespace. The file is held open, so it is the same one for as long as this is open, whatever
 * happens to the path; and the namespace lives that long.
 */
export class NetworkNamespace {
  readonly fd: number;
  readonly path: string;
  readonly #kernel: Kernel;
  #open = true;

  /** @throws Fault NETNS_GONE where the path is none; NETNS_OPEN where it cannot be looked at */
  constructor(kernel: Kernel, path: string) {
    this.#kernel = kernel;
    this.path = path;
    try {
      this.fd = openSync(path, 'r');
    } catch (error) {
      const gone = ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
      throw Fault.from(error, gone ? 'NETNS_GONE' : 'NETNS_OPEN', `open network namespace ${path}`);
    }
    // A runtime bind-mounts the namespace over an empty file, which stays when the namespace is gone.
    if (statfsSync(`/proc/self/fd/${this.fd}`).type !== namespaceFilesystem) {
      this.close();
      throw new Fault('NETNS_GONE', `open network namespace ${path}: it is none`);
    }
  }

  /** Tells namespaces apart while both exist: inode numbers of nsfs. */
  get inode(): number {
    return fstatSync(this.fd).ino;
  }

  /** Whether it is the one that this thread is in. */
  get isOwn(): boolean {
    const [here, there] = [statSync(own), fstatSync(this.fd)];
    return here.ino === there.ino && here.dev === there.dev;
  }

  /**
   * Runs something in the namespace: sockets that it opens stay there, and `/proc/sys/net` and `/proc/net` are the namespace's.
   * It must not wait for anything, as meanwhile all of this thread is there; what it starts on other threads is not.
   * @throws what it throws; Fault NETNS_ENTER (SYS_ADMIN is needed)
   */
  run<T>(work: () => T): T {
    assert(this.#open, `network namespace ${this.path}: it is closed`);
    const back = openSync(own, 'r');
    try {
      try {
        this.#kernel.setns(this.fd, CLONE_NEWNET);
      } catch (error) {
        const hint = 'the capability SYS_ADMIN is needed, in the user namespace that owns this one';
        throw Fault.from(error, 'NETNS_ENTER', `enter network namespace ${this.path}`, hint);
      }
      let result: T;
      try {
        result = work();
      } finally {
        this.#leave(back);
      }
      assert(!(result instanceof Promise), `network namespace ${this.path}: the work in it waits`);
      return result;
    } finally {
      closeSync(back);
    }
  }

  #leave(back: number): void {
    try {
      this.#kernel.setns(back, CLONE_NEWNET);
    } catch (error) {
      // Every socket from here on would be the pod's: nobody may catch this and go on.
      console.error(`bug: no way back from network namespace ${this.path}: ${error}`);
      process.abort();
    }
  }

  /** A conversation with its routing; the caller closes it. @throws as `run`; Fault NETLINK_SOCKET */
  netlink(): Netlink {
    return this.run(() => new Netlink(this.#kernel));
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.fd);
  }
}
