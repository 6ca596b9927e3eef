/**
 * Runs a process until it is told to stop: `start` gets a signal that is aborted then, and gives what ends it in good order. A
 * second signal ends it at once.
 */
export async function untilStopped(start: (signal: AbortSignal) => Promise<() => Promise<void>>): Promise<void> {
  const stop = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        stop.abort();
        resolve();
        process.once(signal, () => process.exit(130));
      });
    }
  });
  let close: () => Promise<void>;
  try {
    close = await start(stop.signal);
  } catch (error) {
    if (stop.signal.aborted) return;
    throw error;
  }
  // Whatever else is open, this keeps the process alive.
  const alive = setInterval(() => {}, 2 ** 30);
  await stopped;
  clearInterval(alive);
  await close();
}
