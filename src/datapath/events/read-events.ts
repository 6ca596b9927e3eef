import type { PerCpuMap } from '../maps/index.ts';
import type { Bpf } from '../sys/bpf-calls.ts';
import type { Kernel } from '../sys/kernel-calls.ts';
import { type OnRecord, RingBuffer } from './ring-buffer.ts';

/** Records in one go: about a millisecond of work, then the event loop has its turn. */
const batch = 2048;

export interface ReadEventsOptions {
  readonly bpf: Bpf;
  readonly kernel: Kernel;
  readonly maps: { readonly events: number; readonly lostEvents: PerCpuMap<number, bigint> };
  /** Called for each event, of `length` bytes at `start`; what it wants to keep it must copy. */
  readonly onEvent: OnRecord;
  /** How many events found no room since the last call, by type (`EventType`); exact, told within a second. */
  readonly onLost?: (lost: ReadonlyMap<number, number>) => void;
  /** ms: how often it looks without being woken, for events below `config.wakeup_bytes`. */
  readonly interval?: number;
}

export interface EventReader {
  /** Events read since the start. */
  readonly count: number;
  /** Bytes that wait. */
  readonly backlog: number;
  /** Reads what there is now. */
  flush(): void;
  close(): void;
}

/**
 * Reads the datapath's events where the kernel wrote them. Woken by the kernel when there are enough of them (or the first one, as the
 * configuration says), and by a timer. There must be one reader: two would take each other's room.
 * @throws Fault RING_BUFFER
 */
export function readEvents({ bpf, kernel, maps, onEvent, onLost, interval = 100 }: ReadEventsOptions): EventReader {
  const ring = new RingBuffer(kernel, maps.events, bpf.mapInfo(maps.events).maxEntries);
  let count = 0;
  const read = () => {
    count += ring.read(onEvent, batch);
  };
  const lost = lostCounter(maps.lostEvents);
  let ticks = 0;
  const tick = () => {
    // Everything that is there, in steps: a timer alone would fall behind.
    const more = () => {
      if (closed) return;
      read();
      if (ring.backlog > 0 && !closed) setImmediate(more);
    };
    more();
    if (onLost && ticks++ % Math.max(1, Math.round(1000 / interval)) === 0) {
      const counts = lost();
      if (counts.size > 0) onLost(counts);
    }
  };
  let closed = false;
  const poll = kernel.poll(maps.events, read);
  const timer = setInterval(tick, interval);
  timer.unref();
  return {
    get count() {
      return count;
    },
    get backlog() {
      return ring.backlog;
    },
    flush: () => {
      while (ring.backlog > 0) {
        const before = ring.backlog;
        read();
        // A program is writing its record.
        if (ring.backlog === before) break;
      }
    },
    close: () => {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      poll.close();
      ring.close();
    },
  };
}

/** What was lost since it was asked last. Events that were lost before the agent began are the agent's before it. */
function lostCounter(map: PerCpuMap<number, bigint>): () => Map<number, number> {
  const known = new Map(map.entries());
  return () => {
    const lost = new Map<number, number>();
    for (const [type, total] of map.entries()) {
      const more = Number(total - (known.get(type) ?? 0n));
      if (more === 0) continue;
      known.set(type, total);
      lost.set(type, more);
    }
    return lost;
  };
}
