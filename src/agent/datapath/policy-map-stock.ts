import type { MapReconciler, PolicyMaps } from '../../datapath/index.ts';
import type { PolicyKey, PolicyEntry as PolicyValue } from '../../gen/abi.ts';
import type { Fault } from '../../lib/fault.ts';
import type { Log } from '../../lib/log.ts';
import { policyReconciler } from './policy-reconciler.ts';

export interface StockedMap {
  readonly id: number;
  readonly map: MapReconciler<PolicyKey, PolicyValue>;
}

/** Empty maps that are there for policies to come: as many as pods with a new policy each may come at once. */
const most = 32;
/** Below this, more are made. */
const fewest = 24;
/** ms until it is tried again, where the kernel refused one. */
const retryAfter = 5000;

/**
 * Maps in the map of maps that nobody uses yet. Putting one in, or taking one out, waits for all processors (10 ms, as long for many as
 * for one), which an ADD that brings a new policy would wait for, and all others with it. So they are made ahead, and taken away behind, in
 * batches by a thread of its own. Until `start` there are none.
 */
export class PolicyMapStock {
  readonly #maps: PolicyMaps;
  readonly #newId: () => number;
  readonly #room: () => number;
  readonly #ready: StockedMap[] = [];
  readonly #leaving = new Set<number>();
  #making: readonly number[] = [];
  #running: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  readonly #retryAfter: number;
  /** Of the refusals since the last success, the first is logged. */
  #isRefused = false;
  #log: Log | undefined;

  /** @param room how many more maps there could be, these included */
  constructor(maps: PolicyMaps, newId: () => number, room: () => number, retry = retryAfter) {
    this.#maps = maps;
    this.#retryAfter = retry;
    this.#newId = newId;
    this.#room = room;
  }

  get size(): number {
    return this.#ready.length;
  }
  /** Numbers of those that can be taken. */
  ready(): number[] {
    return this.#ready.map(({ id }) => id);
  }
  /** Numbers of all that are ready, being made or being taken away. */
  ids(): number[] {
    return [...this.ready(), ...this.#making, ...this.#leaving];
  }

  start(log: Log): void {
    this.#log = log;
    this.#wake();
  }

  take(): StockedMap | undefined {
    const one = this.#ready.shift();
    this.#wake();
    return one;
  }

  /** Takes a map away that nothing points at. @returns whether it will be: not before the start, nor while nothing is made */
  dispose(id: number): boolean {
    if (this.#log === undefined || this.#retry !== undefined) return false;
    this.#leaving.add(id);
    this.#wake();
    return true;
  }

  /** Ends when nothing is under way; what is there stays for the process to come. */
  async close(): Promise<void> {
    this.#log = undefined;
    clearTimeout(this.#retry);
    await this.#running;
  }

  #wake(): void {
    if (this.#log === undefined || this.#running !== undefined || this.#retry !== undefined) return;
    if (this.#lacking() === 0 && this.#leaving.size === 0) return;
    this.#running = this.#work(this.#log).finally(() => {
      this.#running = undefined;
    });
  }

  /** Never the last half of the room: it is for policies that are there. */
  #lacking(): number {
    const { length } = this.#ready;
    return length >= fewest ? 0 : Math.max(0, Math.min(most, this.#room() >> 1) - length);
  }

  async #work(log: Log): Promise<void> {
    // Who took the last one goes first.
    await new Promise(setImmediate);
    try {
      while (this.#log !== undefined) {
        const leaving = [...this.#leaving];
        const lacking = this.#lacking();
        if (leaving.length === 0 && lacking === 0) return;
        await this.#maps.deleteAside(leaving);
        for (const id of leaving) this.#leaving.delete(id);
        this.#making = Array.from({ length: lacking }, () => this.#newId());
        const made = await this.#maps.createEmptyAside(this.#making);
        this.#ready.push(...made.map(({ id, map }) => ({ id, map: policyReconciler(map) })));
        this.#making = [];
        this.#isRefused = false;
      }
    } catch (error) {
      // Until then each is made when it is needed, and whoever needs it hears why that cannot be.
      if (!this.#isRefused) log.warn({ err: error as Fault }, 'no maps of policies are made ahead: it is tried again');
      this.#isRefused = true;
      // Somebody else's from now on, as it were: a check takes them away.
      this.#leaving.clear();
      if (this.#log === undefined) return;
      this.#retry = setTimeout(() => {
        this.#retry = undefined;
        this.#wake();
      }, this.#retryAfter).unref();
    } finally {
      this.#making = [];
    }
  }
}
