import { EventType, event as layout } from '../gen/abi.ts';
import { decodeFlow, isKnown } from './decode-flow.ts';
import type { Flow, LostNotice, MonitorEvent } from './flow.ts';
import type { FlowContext } from './flow-context.ts';
import type { FlowFilter } from './flow-filter.ts';
import { MonotonicClock } from './monotonic-clock.ts';
import { RecordRing } from './record-ring.ts';
import { Subscription } from './subscription.ts';

/** Drops are kept apart, so that a busy minute of traces does not push out what went wrong in it. */
const keptDrops = 1024;
const keptOthers = 4096;

export interface HubCounters {
  /** Records that came out of the ring buffer. */
  readonly seen: number;
  /** That found it full, exactly. */
  readonly lost: number;
  /** Of a type or size that this version does not know. */
  readonly unknown: number;
}

/**
 * Between the ring buffer and whoever reads: records are kept as bytes, and become flows only for readers that want them. With no
 * reader one costs a copy of its 104 bytes.
 */
export class FlowHub {
  readonly #context: FlowContext;
  readonly #clock = new MonotonicClock();
  readonly #drops = new RecordRing(layout.size, keptDrops);
  readonly #others = new RecordRing(layout.size, keptOthers);
  readonly #subscriptions = new Set<Subscription>();
  #onFollowed: (isFollowed: boolean) => void = () => {};
  #seen = 0;
  #lost = 0;
  #unknown = 0;

  constructor(context: FlowContext) {
    this.#context = context;
  }

  get counters(): HubCounters {
    return { seen: this.#seen, lost: this.#lost, unknown: this.#unknown };
  }

  /** One record of `events`; its bytes are the caller's again when this returns. */
  receive(view: DataView, start = 0, length = view.byteLength - start): void {
    this.#seen++;
    if (length < layout.size || !isKnown(view, start)) {
      this.#unknown++;
      return;
    }
    const isDrop = view.getUint8(start + layout.offsets.type) === EventType.drop;
    (isDrop ? this.#drops : this.#others).add(view, start);
    let flow: Flow | undefined;
    for (const subscription of this.#subscriptions) {
      if (!subscription.filter.raw(view, start)) continue;
      flow ??= decodeFlow(view, start, this.#context, this.#clock);
      if (flow !== undefined && subscription.filter.matches(flow)) subscription.push(flow);
    }
  }

  /** So many more events found the ring full. */
  missed(count: number): void {
    if (count <= 0) return;
    this.#lost += count;
    this.#tell({ kind: 'lost', time: Date.now(), count, where: 'ring-buffer' } satisfies LostNotice);
  }

  /** Something that the agent did: `policy-updated`, `endpoint-created` ... */
  agent(event: string, message: string): void {
    if (this.#subscriptions.size > 0) this.#tell({ kind: 'agent', time: Date.now(), event, message });
  }

  /** The last flows that match, oldest first; with the names that their numbers have now. */
  last(count: number, filter: FlowFilter): Flow[] {
    const found = [...this.#newest(this.#drops, count, filter), ...this.#newest(this.#others, count, filter)];
    // By the kernel's clock: that of the wall may have been set meanwhile, and has no nanoseconds.
    found.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
    return found.slice(Math.max(0, found.length - count)).map(({ flow }) => flow);
  }

  #newest(ring: RecordRing, count: number, filter: FlowFilter): { time: bigint; flow: Flow }[] {
    const found: { time: bigint; flow: Flow }[] = [];
    for (const [view, start] of ring.newest()) {
      if (found.length >= count) break;
      if (!filter.raw(view, start)) continue;
      const flow = decodeFlow(view, start, this.#context, this.#clock);
      if (flow !== undefined && filter.matches(flow))
        found.push({ time: view.getBigUint64(start + layout.offsets.time, true), flow });
    }
    return found;
  }

  /** Called now, and whenever the first reader comes that follows and the last one goes. */
  whileFollowed(onFollowed: (isFollowed: boolean) => void): void {
    this.#onFollowed = onFollowed;
    onFollowed(this.#subscriptions.size > 0);
  }

  /** From now on until the signal: batches of what matches, as it comes. */
  follow(filter: FlowFilter, signal: AbortSignal): AsyncGenerator<readonly MonitorEvent[]> {
    const subscription = new Subscription(filter);
    this.#subscriptions.add(subscription);
    if (this.#subscriptions.size === 1) this.#onFollowed(true);
    const end = () => {
      if (this.#subscriptions.delete(subscription) && this.#subscriptions.size === 0) this.#onFollowed(false);
      subscription.close();
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
    return subscription.batches();
  }

  #tell(event: MonitorEvent): void {
    for (const subscription of this.#subscriptions) if (subscription.filter.matches(event)) subscription.push(event);
  }
}
