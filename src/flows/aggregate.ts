import type { Flow, MonitorEvent } from './flow.ts';

/** A flow that stands for several alike. */
export interface AggregatedFlow extends Flow {
  /** Packets, this one included. */
  readonly count: number;
  /** Bytes of all of them. */
  readonly bytes: number;
}

/**
 * Flows of one connection, verdict and place within a while become two: the first at once, and at the while's end what came
 * after it. Everything else passes as it is. No clock: whoever has one calls {@link end}.
 */
export class FlowAggregator {
  readonly #later = new Map<string, { last: Flow; count: number; bytes: number }>();

  /** What is to be told now: the event, or nothing where it is one more of its kind. */
  add(event: MonitorEvent): MonitorEvent | undefined {
    if (event.kind !== 'flow') return event;
    const key = keyOf(event);
    const known = this.#later.get(key);
    if (known === undefined) {
      this.#later.set(key, { last: event, count: 0, bytes: 0 });
      return event;
    }
    known.last = event;
    known.count++;
    known.bytes += event.length;
    return undefined;
  }

  /** The while is over: what came after the first of each. */
  end(): AggregatedFlow[] {
    const all = [...this.#later.values()];
    this.#later.clear();
    return all.flatMap(({ last, count, bytes }) => (count === 0 ? [] : [{ ...last, count, bytes }]));
  }
}

function keyOf({ type, verdict, direction, point, source, destination, protocol, icmp, drop, policy }: Flow): string {
  // Of replies the ports are swapped: they are told apart.
  return [
    type,
    verdict,
    direction,
    point,
    protocol,
    source.address,
    source.port,
    destination.address,
    destination.port,
    icmp?.type,
    drop?.reason,
    policy.rule,
  ].join(' ');
}
