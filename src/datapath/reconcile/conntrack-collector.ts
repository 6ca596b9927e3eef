import {
  type Conntrack4Key,
  type Conntrack6Key,
  type ConntrackEntry,
  ConntrackTime,
  conntrackEntry,
} from '../../gen/abi.ts';
import type { TypedMap } from '../maps/index.ts';

export interface Collected {
  /** Connections that stay. */
  readonly alive: number;
  readonly removed: number;
}

/** Ticks of CLOCK_MONOTONIC, as programs keep times. */
const now = () => Number(BigInt.asUintN(32, process.hrtime.bigint() >> BigInt(ConntrackTime.conntrackTickShift)));

/** Ticks wrap. */
const isAlive = (expiresAt: number) => ((expiresAt - now()) | 0) > 0;

/**
 * Removes the connections whose time is over. To programs they count as absent already, so this only makes room: an LRU
 * map that is full of dead connections throws away living ones. It gives way to other work after each batch.
 */
export async function collectConntrack<K>(map: TypedMap<K, ConntrackEntry>, signal?: AbortSignal): Promise<Collected> {
  let alive = 0;
  let removed = 0;
  const expired: K[] = [];
  for (const { keys, values, count } of map.batches(4096)) {
    for (let index = 0; index < count; index++) {
      const expiresAt = values.getUint32(index * conntrackEntry.size + conntrackEntry.offsets.expiresAt, true);
      if (isAlive(expiresAt)) alive++;
      else expired.push(map.keyLayout.decode(keys, index * map.keyLayout.size));
    }
    for (const key of expired.splice(0)) {
      // A packet may have opened it again since the batch was read: between this look and the removal there is a microsecond.
      const entry = map.get(key);
      if (entry === undefined) continue;
      if (isAlive(entry.expiresAt)) alive++;
      else if (map.delete(key)) removed++;
    }
    await new Promise(setImmediate);
    if (signal?.aborted) break;
  }
  return { alive, removed };
}

export interface ConntrackMaps {
  readonly conntrack4: TypedMap<Conntrack4Key, ConntrackEntry>;
  readonly conntrack6: TypedMap<Conntrack6Key, ConntrackEntry>;
}

export interface CollectorOptions {
  /** ms; the first one, and between which it adapts to how much there was to remove. */
  readonly interval?: { readonly first: number; readonly least: number; readonly most: number };
  readonly onCollected?: (map: string, collected: Collected) => void;
  /** Where a map cannot be read; the next round tries again. */
  readonly onFault?: (error: unknown) => void;
}

/** Collects again and again, sooner where much was dead, until `stop`. */
export class ConntrackCollector {
  readonly #maps: ConntrackMaps;
  readonly #options: CollectorOptions;
  readonly #abort = new AbortController();
  readonly #alive = new Map<string, { readonly alive: number; readonly maxEntries: number }>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(maps: ConntrackMaps, options: CollectorOptions = {}) {
    this.#maps = maps;
    this.#options = options;
  }

  /** Connections that the last round left, by map. */
  get alive(): ReadonlyMap<string, { readonly alive: number; readonly maxEntries: number }> {
    return this.#alive;
  }

  start(): void {
    this.#schedule(this.#options.interval?.first ?? 30_000);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(delay: number): void {
    this.#timer = setTimeout(() => {
      this.#running = this.#round(delay);
    }, delay);
    this.#timer.unref();
  }

  async #round(delay: number): Promise<void> {
    let alive = 0;
    let removed = 0;
    try {
      const { conntrack4, conntrack6 } = this.#maps;
      for (const [{ name, maxEntries }, collect] of [
        [conntrack4, () => collectConntrack(conntrack4, this.#abort.signal)],
        [conntrack6, () => collectConntrack(conntrack6, this.#abort.signal)],
      ] as const) {
        const collected = await collect();
        // Half a round says nothing.
        if (!this.#abort.signal.aborted) this.#alive.set(name, { alive: collected.alive, maxEntries });
        alive += collected.alive;
        removed += collected.removed;
        this.#options.onCollected?.(name, collected);
      }
    } catch (error) {
      this.#options.onFault?.(error);
    }
    if (this.#abort.signal.aborted) return;
    const { least = 10_000, most = 300_000 } = this.#options.interval ?? {};
    const share = removed / Math.max(1, alive + removed);
    const next = share > 0.25 ? delay / 2 : share < 0.05 ? delay * 1.5 : delay;
    this.#schedule(Math.min(most, Math.max(least, next)));
  }
}
