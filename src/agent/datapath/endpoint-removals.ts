import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../lib/log.ts';

export interface RemovalSteps {
  /** Once, as the interface is gone: its number may be somebody else's soon. */
  readonly gone: () => void;
  /** After that, until it succeeds. */
  readonly giveBack: () => void;
}

interface Removal {
  readonly ifindex: number;
  /** Once it is gone, somebody else may have its number: no further attempt is about the interface. */
  isLinkGone: boolean;
  readonly steps: RemovalSteps;
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
   * @returns how the first attempt ends; what fails is tried again, until it is done
   */
  start(key: string, ifindex: number, steps: RemovalSteps): Promise<void> {
    const removal: Removal = {
      ...{ ifindex, steps, isLinkGone: false, retry: undefined },
      attempt: Promise.resolve(),
    };
    this.#running.set(key, removal);
    removal.attempt = this.#attempt(key, removal);
    return removal.attempt;
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
    for (const one of this.#running.values()) if (one.ifindex === ifindex && !one.isLinkGone) await one.attempt;
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

  #attempt(key: string, removal: Removal): Promise<void> {
    const attempt = this.#remove(key, removal);
    attempt.catch((error: unknown) => {
      const what = removal.isLinkGone ? 'what it had is not given back' : 'its interface is still there';
      this.#log.warn({ err: error, endpoint: key }, `a pod is gone, but ${what}: it is tried again`);
      if (this.#closed) return;
      removal.retry = setTimeout(() => {
        removal.attempt = this.#attempt(key, removal);
      }, retryAfter).unref();
    });
    return attempt;
  }

  async #remove(key: string, removal: Removal): Promise<void> {
    const { ifindex, steps } = removal;
    if (!removal.isLinkGone) await this.#links.remove(ifindex);
    // The next process has given it back by now, and somebody else may have it.
    if (this.#isOver) return;
    if (!removal.isLinkGone) {
      removal.isLinkGone = true;
      steps.gone();
    }
    steps.giveBack();
    this.#running.delete(key);
  }
}
