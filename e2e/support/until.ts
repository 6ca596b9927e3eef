import { setTimeout as delay } from 'node:timers/promises';

/** Waits until `check` gives something true, and gives that; rejects after a minute with what was waited for. */
export async function until<T>(
  what: string | (() => string),
  check: () => Promise<T> | T,
  timeout = 60_000,
): Promise<NonNullable<T>> {
  const end = performance.now() + timeout;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (performance.now() > end)
      throw new Error(`waited ${timeout / 1000} s for ${typeof what === 'string' ? what : what()}`);
    await delay(5);
  }
}
