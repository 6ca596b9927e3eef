export interface PacingLimits {
  /** ms that a change waits for others after a rest. */
  readonly quiet: number;
  /** ms between two writes when changes go on and on. */
  readonly longest: number;
}

/**
 * How long changes of something may wait to be written together: a moment after a rest, longer and longer while they go on,
 * and never longer than `longest`. Times are ms on any clock that does not go back.
 */
export class Pacing {
  readonly #limits: PacingLimits;
  /** When it was written last, and ms that the next one waits from then. */
  readonly #paces = new Map<string, { readonly written: number; readonly interval: number }>();

  constructor(limits: PacingLimits) {
    this.#limits = limits;
  }

  /** The first change since it was written: ms until it may be written again. */
  delay(key: string, now: number): number {
    const { quiet, longest } = this.#limits;
    const pace = this.#paces.get(key);
    if (pace === undefined || now - pace.written > 5 * longest) {
      this.#paces.set(key, { written: Number.NEGATIVE_INFINITY, interval: quiet });
      return quiet;
    }
    const interval = Math.min(Math.max(quiet, pace.interval * 2), longest);
    this.#paces.set(key, { written: pace.written, interval });
    return Math.max(quiet, pace.written + interval - now);
  }

  written(key: string, now: number): void {
    const interval = this.#paces.get(key)?.interval ?? this.#limits.quiet;
    this.#paces.set(key, { written: now, interval });
  }

  forget(key: string): void {
    this.#paces.delete(key);
  }
  clear(): void {
    this.#paces.clear();
  }
}
