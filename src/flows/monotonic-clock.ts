/** ms between comparisons of the two clocks: NTP may have moved the one of the wall. */
const compareEvery = 1000;

/** The kernel's times to those of the wall. */
export class MonotonicClock {
  #offset = 0;
  #compared = Number.NEGATIVE_INFINITY;

  /** ns of CLOCK_MONOTONIC, which is Node's `hrtime` too, to ms since the epoch. */
  toEpoch(nanoseconds: bigint): number {
    const now = performance.now();
    if (now - this.#compared > compareEvery) {
      this.#compared = now;
      this.#offset = Date.now() - Number(process.hrtime.bigint()) / 1e6;
    }
    return Number(nanoseconds) / 1e6 + this.#offset;
  }
}
