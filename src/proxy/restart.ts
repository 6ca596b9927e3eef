/**
 * Milliseconds to wait before the next start, after `exits` exits in a row (1 or more). The first is started again at once,
 * because a crash under traffic costs refused connections for every millisecond; then 100, 200, 400 ... up to 10,000.
 */
export function restartDelay(exits: number): number {
  return exits <= 1 ? 0 : Math.min(10_000, 100 * 2 ** (exits - 2));
}
