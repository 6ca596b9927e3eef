import { setTimeout as delay } from 'node:timers/promises';

/** ms: the first wait, and the longest. */
const FIRST = 200;
const LONGEST = 5_000;

/** Both in ms. */
export interface BackoffOptions {
  readonly first?: number;
  readonly longest?: number;
}

export interface WaitOptions {
  /** ms, as the server asks for. */
  readonly retryAfter?: number;
  /** Takes a listener; returns how to forget it. */
  readonly wakeBy?: (listener: () => void) => () => void;
}

/**
 * Waits between attempts: doubled each time, spread over half of their length so that the agents of a thousand nodes do not
 * come back in one moment, and never shorter than the server asks for.
 */
export class Backoff {
  #attempts = 0;
  readonly #first: number;
  readonly #longest: number;

  constructor({ first = FIRST, longest = LONGEST }: BackoffOptions = {}) {
    this.#first = first;
    this.#longest = longest;
  }

  /** It worked: the next wait is a short one again. */
  reset(): void {
    this.#attempts = 0;
  }

  /** ms for which the next attempt should wait. */
  next(retryAfter = 0, random: () => number = Math.random): number {
    const full = Math.min(this.#first * 2 ** this.#attempts, this.#longest);
    if (full < this.#longest) this.#attempts++;
    return Math.max(full * (0.5 + random() / 2), retryAfter * (1 + random() / 4));
  }

  /** Waits; ends early when the signal is aborted, or when the listener that `wakeBy` is given is called. Never rejects. */
  async wait(signal: AbortSignal, options: WaitOptions = {}): Promise<void> {
    const timer = new AbortController();
    const stop = (): void => timer.abort();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const forget = options.wakeBy?.(stop);
    await delay(this.next(options.retryAfter), undefined, { signal: timer.signal }).catch(() => {});
    signal.removeEventListener('abort', stop);
    forget?.();
  }
}
