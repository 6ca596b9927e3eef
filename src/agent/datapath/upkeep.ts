import type { Log } from '../../lib/log.ts';

/** Something in the kernel that may be other than we made it. */
export interface Check {
  /** As metrics and logs name it: `maps`. */
  readonly what: string;
  /** Mends it, at once or in parts; answers how many things were not as they should be. @throws Fault */
  readonly run: () => number | Generator<void, number>;
}

export interface UpkeepOptions {
  readonly checks: readonly Check[];
  /**
   * ms from the end of one round to the next; longer where a round that found nothing takes long, so that looking takes at most a
   * fiftieth of a processor. 0: never.
   */
  readonly interval: number;
  /** Before each part of a check: brings all that is wanted into force. */
  readonly apply: () => void;
  readonly log: Log;
}

/** Most of the time that checks may take. */
const share = 1 / 50;

/**
 * Finds what somebody else changed in the kernel, and mends it: round after round, in parts of a few milliseconds, so that a pod that
 * comes meanwhile does not wait. What it has found is counted.
 */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #mended = new Map<string, number>();
  #rounds = 0;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    for (const { what } of options.checks) this.#mended.set(what, 0);
  }

  /** Things that were mended, of all time. */
  get mended(): ReadonlyMap<string, number> {
    return this.#mended;
  }
  get rounds(): number {
    return this.#rounds;
  }

  start(): void {
    this.#schedule(this.#options.interval);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** One round now. Answers the ms that it worked. */
  async round(): Promise<number> {
    let busy = 0;
    for (const check of this.#options.checks) {
      try {
        for (const walk = this.#walk(check); ; ) {
          const started = performance.now();
          const { done } = walk.next();
          busy += performance.now() - started;
          if (done) break;
          await new Promise(setImmediate);
          if (this.#closed) return busy;
        }
      } catch (error) {
        const { what } = check;
        this.#options.log.error({ err: error, what }, 'the kernel cannot be looked after: the next round tries again');
      }
    }
    this.#rounds++;
    return busy;
  }

  *#walk({ what, run }: Check): Generator<void, void> {
    const { apply } = this.#options;
    apply();
    const parts = run();
    if (typeof parts === 'number') return this.#count(what, parts);
    for (;;) {
      const { done, value } = parts.next();
      if (done) return this.#count(what, value);
      yield;
      apply();
    }
  }

  #sum(): number {
    return [...this.#mended.values()].reduce((sum, count) => sum + count, 0);
  }

  #count(what: string, mended: number): void {
    if (mended === 0) return;
    this.#mended.set(what, (this.#mended.get(what) ?? 0) + mended);
    this.#options.log.warn({ what, mended }, 'somebody else changed what is in the kernel: it is mended');
  }

  #schedule(delay: number): void {
    if (this.#options.interval === 0 || this.#closed) return;
    this.#timer = setTimeout(() => {
      const before = this.#sum();
      this.#running = this.round().then((busy) => {
        const { interval } = this.#options;
        // Where one thing was wrong, others may be.
        this.#schedule(this.#sum() > before ? interval : Math.max(interval, busy / share));
      });
    }, delay);
    this.#timer.unref();
  }
}
