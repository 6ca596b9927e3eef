import type { Log } from '../lib/log.ts';

export interface PeriodicOptions {
  /** ms from the end of one pass to the next; the first one comes after as long. */
  readonly interval: number;
  /** What is done, for the log: `unused identities`. */
  readonly what: string;
  readonly pass: (signal: AbortSignal) => Promise<void>;
  readonly log: Log;
}

/** Something that a leader does every now and then. A pass that fails is told, and the next one comes all the same. */
export class Periodic {
  readonly #options: PeriodicOptions;
  #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: PeriodicOptions) {
    this.#options = options;
  }

  start(): void {
    this.#abort = new AbortController();
    this.#schedule();
  }
  stop(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }
  /** Resolves when no pass is under way. */
  idle(): Promise<void> {
    return this.#running;
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#running = this.#pass();
    }, this.#options.interval).unref();
  }

  async #pass(): Promise<void> {
    const { pass, what, log } = this.#options;
    const { signal } = this.#abort;
    try {
      await pass(signal);
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, `${what}: will be looked at again later`);
    }
    if (!signal.aborted) this.#schedule();
  }
}
