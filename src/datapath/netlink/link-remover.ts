import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '../../lib/fault.ts';
import type { Kernel } from '../sys/kernel-calls.ts';
import { encodeLink, encodeLinkQuery, linkRequest } from './link.ts';
import { type Change, NetlinkSocket } from './socket.ts';

/** Of interfaces that are about to go: a number that nobody else takes for a group of theirs. */
const doomed = 0x736c7564;
/** Interfaces of one batch: their answers fit into the socket. */
const mostAtOnce = 64;
/** ms that who ends waits for the kernel. */
const patience = 2000;

/**
 * Removes interfaces without stopping the process. The kernel waits for all processors and for all that RCU has to free before it
 * answers (15 ms and more), as long for one as for many. So a thread of its own waits, and what is asked for meanwhile goes together afterwards.
 */
export class LinkRemover {
  readonly #socket: NetlinkSocket;
  #waiting = new Map<number, PromiseWithResolvers<void>>();
  #running: Promise<void> | undefined;
  #closed = false;

  /** In the network namespace that the thread is in. @throws Fault NETLINK_SOCKET */
  constructor(kernel: Kernel) {
    this.#socket = new NetlinkSocket(kernel);
  }

  /** Ends when there is no such interface any more, whoever has removed it. @throws Fault `NETLINK_...` by what the kernel says */
  remove(index: number): Promise<void> {
    if (this.#closed) return Promise.reject(new Fault('NETLINK_CLOSED', `netlink: remove interface ${index}: it ends`));
    const waiting = this.#waiting.get(index) ?? Promise.withResolvers<void>();
    this.#waiting.set(index, waiting);
    this.#running ??= this.#run();
    return waiting.promise;
  }

  /** Takes no more; ends when the last one is gone, or when the kernel has had its time: one that somebody holds may take minutes. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.race([this.#running, delay(patience, undefined, { ref: false })]);
    if (this.#running === undefined) this.#socket.close();
  }

  async #run(): Promise<void> {
    // Those of the same turn of the event loop go together.
    await undefined;
    while (this.#waiting.size > 0) {
      const all = [...this.#waiting];
      const batch = all.slice(0, mostAtOnce);
      this.#waiting = new Map(all.slice(mostAtOnce));
      await this.#removeAll(batch);
    }
    this.#running = undefined;
  }

  async #removeAll(batch: readonly (readonly [number, PromiseWithResolvers<void>])[]): Promise<void> {
    let answers: readonly (Fault | undefined)[];
    try {
      answers = await this.#socket.changeAside(requests(batch.map(([index]) => index)));
    } catch (error) {
      for (const [, { reject }] of batch) reject(error);
      return;
    }
    const removed = answers.at(-1);
    for (const [i, [, { resolve, reject }]] of batch.entries()) {
      // It was not there any more, or nothing was left of the group.
      const marked = batch.length === 1 ? undefined : answers[i];
      const fault = marked ?? removed;
      if (fault === undefined || fault.code === 'NETLINK_ENODEV') resolve();
      else reject(fault);
    }
  }
}

/** Named by a group if they are several: each is put into it, then the group is removed. */
function requests(indexes: readonly number[]): Change[] {
  const remove = { type: linkRequest.deleteLink, flags: 0 };
  if (indexes.length === 1)
    return indexes.map((index) => ({
      ...remove,
      ...{ operation: `remove interface ${index}`, payload: encodeLinkQuery({ index }) },
    }));
  return [
    ...indexes.map((index) => ({
      ...{ operation: `mark interface ${index} for removal`, type: linkRequest.setLink, flags: 0 },
      payload: encodeLink(index, { group: doomed }),
    })),
    { ...remove, operation: `remove ${indexes.length} interfaces`, payload: encodeLink(0, { group: doomed }) },
  ];
}
