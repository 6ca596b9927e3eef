/** ms on the machine's monotonic clock: comparable between processes. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until it is true. The error says what was waited for. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  { timeout = 30_000, every = 5 }: { timeout?: number; every?: number } = {},
): Promise<void> {
  const deadline = now() + timeout;
  while (!(await condition())) {
    if (now() > deadline) throw new Error(`not within ${timeout / 1000} s: ${what}`);
    await pause(every);
  }
}
