import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../lib/log.ts';

interface Removal {
  readonly ifindex: number;
  /** Of the attempt that runs, or of the last one; it has an observer of its own, so that nobody need wait for it. */
  attempt: Promise<void>;
  retry: NodeJS.Timeout | undefined;
}

/** ms after an attempt that failed. */
const retryAfter = 1000;
/** ms that an agent that ends waits for them. */
const patience = 2000;

/**
 * Interfaces of endpoints that are cut off already and on their way out of the kernel, by attachment. What an endpoint had (its
 * address, its id, its record) is given back only behind its interface, so until then nobody else can be given it.
 */
export class EndpointRemovals {
  readonly #links: { remove(index: number): Promise<void> };
  readonly #log: Log;
  readonly #running = new Map<string, Removal>();
  #closed = false;
  #isOver = false;

  constructor(links: { remove(index: number): Promise<void> }, log: Log) {
    this.#links = links;
    this.#log = log;
  }

  /**
   * @param giveBack called once the interface is gone
   * @returns how the first attempt ends; what fails is tried again, until it is done
   */
  start(key: string, ifindex: number, giveBack: () => void): Promise<void> {
    const attempt = this.#attempt(key, ifindex, giveBack);
    this.#running.set(key, { ifindex, attempt, retry: undefined });
    return attempt;
  }

  has(key: string): boolean {
    return this.#running.has(key);
  }
  get size(): number {
    return this.#running.size;
  }

  /** Ends when the interface of that attachment is gone; at once where nothing of it is under way. @throws what the attempt that runs throws */
  async of(key: string): Promise<void> {
    await this.#running.get(key)?.attempt;
  }
  async ofLink(ifindex: number): Promise<void> {
    for (const one of this.#running.values()) if (one.ifindex === ifindex) await one.attempt;
  }
  /** Ends when all attempts that run have ended. */
  async settled(): Promise<void> {
    await Promise.allSettled(Array.from(this.#running.values(), ({ attempt }) => attempt));
  }

  /** What has not succeeded by now, the next process does: it has the record. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { retry } of this.#running.values()) clearTimeout(retry);
    await Promise.race([this.settled(), delay(patience, undefined, { ref: false })]);
    this.#isOver = true;
  }

  #attempt(key: string, ifindex: number, giveBack: () => void): Promise<void> {
    const attempt = this.#remove(key, ifindex, giveBack);
    attempt.catch((error: unknown) => {
      this.#log.warn(
        { err: error, endpoint: key },
        'the interface of a pod that is gone is still there: it is tried again',
      );
      const removal = this.#running.get(key);
      if (removal === undefined || this.#closed) return;
      removal.retry = setTimeout(() => {
        removal.attempt = this.#attempt(key, ifindex, giveBack);
      }, retryAfter).unref();
    });
    return attempt;
  }

  async #remove(key: string, ifindex: number, giveBack: () => void): Promise<void> {
    await this.#links.remove(ifindex);
    // The next process has given it back by now, and somebody else may have it.
    if (this.#isOver) return;
    giveBack();
    this.#running.delete(key);
  }
}
