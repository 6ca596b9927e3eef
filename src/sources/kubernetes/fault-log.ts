import type { Fault } from '../../lib/fault.ts';
import type { Log } from '../../lib/log.ts';

/** ms after which a fault that goes on is told again. */
const AGAIN = 60_000;

/**
 * Faults for people: thirty watches that fail for the same reason, each time that they are tried again, are told once a
 * minute.
 */
export class FaultLog {
  readonly #log: Log | undefined;
  readonly #onFault: ((fault: Fault) => void) | undefined;
  readonly #told = new Map<string, number>();

  constructor(log: Log | undefined, onFault: ((fault: Fault) => void) | undefined) {
    this.#log = log;
    this.#onFault = onFault;
  }

  tell(fault: Fault): void {
    // Without a server all of them say the same; else each may be about another resource.
    const subject = fault.code === 'KUBE_UNREACHABLE' ? fault.code : `${fault.code} ${fault.message}`;
    const now = performance.now();
    if (now - (this.#told.get(subject) ?? Number.NEGATIVE_INFINITY) < AGAIN) return;
    if (this.#told.size > 1000) this.#told.clear();
    this.#told.set(subject, now);
    this.#log?.warn({ code: fault.code, hint: fault.hint }, fault.message);
    this.#onFault?.(fault);
  }

  /** The server was heard. */
  heard(): void {
    if (this.#told.delete('KUBE_UNREACHABLE')) this.#log?.info('the API server is reachable again');
  }
}
