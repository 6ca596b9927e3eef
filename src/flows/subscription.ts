import type { MonitorEvent } from './flow.ts';
import type { FlowFilter } from './flow-filter.ts';

/** Events that wait for one reader; more are lost, and counted. */
const mostWaiting = 8192;

/** One reader of events. It is given batches: what came since it asked last. */
export class Subscription {
  readonly filter: FlowFilter;
  #waiting: MonitorEvent[] = [];
  #lost = 0;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(filter: FlowFilter) {
    this.filter = filter;
  }

  push(event: MonitorEvent): void {
    if (this.#waiting.length >= mostWaiting) this.#lost++;
    else this.#waiting.push(event);
    this.#wake?.();
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  async *batches(): AsyncGenerator<readonly MonitorEvent[]> {
    for (;;) {
      if (this.#waiting.length === 0) {
        if (this.#closed) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
        continue;
      }
      const batch = this.#waiting;
      this.#waiting = [];
      if (this.#lost > 0) {
        batch.push({ kind: 'lost', time: Date.now(), count: this.#lost, where: 'reader' });
        this.#lost = 0;
      }
      yield batch;
    }
  }
}
