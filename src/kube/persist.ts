import type { Fault } from '../lib/fault.ts';
import { Backoff, type BackoffOptions } from './backoff.ts';
import { KubeFault } from './kube-fault.ts';

/**
 * Shared by all that waits for one server: when one of them gets through again, the others, each in a wait of its own, do
 * not sleep on.
 */
export class Reachability {
  readonly #onHeard: (() => void) | undefined;
  readonly #waiting = new Set<() => void>();

  /** @param onHeard called each time that the server is heard */
  constructor(onHeard?: () => void) {
    this.#onHeard = onHeard;
  }

  /** Calls back once, when the server is heard. Returns how to take that back: an outage may last for days. */
  onBack(listener: () => void): () => void {
    this.#waiting.add(listener);
    return () => this.#waiting.delete(listener);
  }

  heard(): void {
    this.#onHeard?.();
    if (this.#waiting.size === 0) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}

/** Waits as long as a fault asks for. */
export function waitAfter(
  fault: KubeFault,
  backoff: Backoff,
  signal: AbortSignal,
  reachability?: Reachability,
): Promise<void> {
  return backoff.wait(signal, {
    ...(fault.retryAfter === undefined ? {} : { retryAfter: fault.retryAfter }),
    ...(fault.code === 'KUBE_UNREACHABLE' && reachability !== undefined
      ? { wakeBy: (listener) => reachability.onBack(listener) }
      : {}),
  });
}

export interface PersistOptions {
  readonly signal: AbortSignal;
  readonly onFault?: (fault: Fault) => void;
  readonly reachability?: Reachability;
  readonly backoff?: BackoffOptions;
}

/** Tries until it works. Rejects only with the signal's reason, or with what is no fault but a bug. */
export async function persist<T>(attempt: () => Promise<T>, options: PersistOptions): Promise<T> {
  const { signal, onFault, reachability } = options;
  const backoff = new Backoff(options.backoff);
  for (;;) {
    signal.throwIfAborted();
    try {
      const result = await attempt();
      reachability?.heard();
      return result;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof KubeFault)) throw error;
      onFault?.(error);
      await waitAfter(error, backoff, signal, reachability);
    }
  }
}
