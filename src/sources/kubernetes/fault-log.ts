import type { Fault } from '../../lib/fault.ts';
import type { Log } from '../../lib/log.ts';

/** ms after which a fault that goes on is told again. */
const AGAIN = 60_000;
/** A server puts requests off for a moment where it has just started to store a kind: not worth a word unless it goes on. */
const PUT_OFF = 3;

/**
 * Faults for people: thirty watches that fail for the same reason, each time that they are tried again, are told once a
 * minute.
 */
export class FaultLog {
  readonly #log: Log | undefined;
  readonly #onFault: ((fault: Fault) => void) | undefined;
  readonly #subjects = new Map<string, { count: number; told: number }>();

  constructor(log: Log | undefined, onFault: ((fault: Fault) => void) | undefined) {
    this.#log = log;
    this.#onFault = onFault;
  }

  tell(fault: Fault, now = performance.now()): void {
    // Without a server all of them say the same; else each may be about another resource.
    const key = fault.code === 'KUBE_UNREACHABLE' ? fault.code : `${fault.code} ${fault.message}`;
    if (this.#subjects.size > 1000) this.#subjects.clear();
    const subject = this.#subjects.get(key) ?? { count: 0, told: Number.NEGATIVE_INFINITY };
    this.#subjects.set(key, subject);
    subject.count++;
    if (fault.code === 'KUBE_THROTTLED' && subject.count < PUT_OFF) return;
    if (now - subject.told < AGAIN) return;
    subject.told = now;
    this.#log?.warn({ code: fault.code, hint: fault.hint }, fault.message);
    this.#onFault?.(fault);
  }

  /** The server was heard. */
  heard(): void {
    if (this.#subjects.delete('KUBE_UNREACHABLE')) this.#log?.info('the API server is reachable again');
  }
}
