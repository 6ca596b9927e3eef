import type { ResourceType } from '../mesh/envoy/resource.ts';
import type { Session } from './session.ts';

interface Waiter {
  readonly sequence: number;
  readonly types: readonly ResourceType[] | undefined;
  readonly resolve: () => void;
}

/** Promises for "every stream has answered everything up to here". */
export class AckWaiters {
  readonly #sessions: ReadonlyMap<Session, unknown>;
  readonly #waiters = new Set<Waiter>();

  constructor(sessions: ReadonlyMap<Session, unknown>) {
    this.#sessions = sessions;
  }

  wait(sequence: number, types: readonly ResourceType[] | undefined): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.add({ sequence, types, resolve });
      this.check();
    });
  }

  /** Something was sent, answered or closed. */
  check(): void {
    for (const waiter of this.#waiters) {
      const { sequence, types, resolve } = waiter;
      if (this.#sessions.keys().some((session) => session.outstanding(sequence, types))) continue;
      this.#waiters.delete(waiter);
      resolve();
    }
  }
}
