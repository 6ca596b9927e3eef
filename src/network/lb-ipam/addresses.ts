import { contains, type IpAddress, type IpFamily } from '../../lib/ip-address.ts';
import type { Pool, PoolRange } from './pool.ts';

/** The addresses that Services have, and where to look for the next free one. */
export class Addresses {
  readonly #owners: Readonly<Record<IpFamily, Map<bigint, Set<string>>>> = { 4: new Map(), 6: new Map() };
  #ranges = new Map<PoolRange, RangeState>();

  /** Call it when there are other pools. Costs what there is. */
  setPools(pools: readonly Pool[]): void {
    this.#ranges = new Map(
      pools.flatMap((pool) => pool.ranges.map((range) => [range, { range, next: range.first, used: 0n }])),
    );
    for (const family of [4, 6] as const)
      for (const value of this.#owners[family].keys())
        for (const state of this.#ranges.values()) if (contains(state.range, { family, value })) state.used++;
  }

  /** The keys of the Services that have an address; several only where they share it. */
  owners({ family, value }: IpAddress): ReadonlySet<string> {
    return this.#owners[family].get(value) ?? nobody;
  }

  take(address: IpAddress, key: string): void {
    const { family, value } = address;
    const owners = this.#owners[family].get(value);
    if (owners !== undefined) {
      owners.add(key);
      return;
    }
    this.#owners[family].set(value, new Set([key]));
    for (const state of this.#ranges.values()) if (contains(state.range, address)) state.used++;
  }

  release(address: IpAddress, key: string): void {
    const { family, value } = address;
    const owners = this.#owners[family].get(value);
    if (owners?.delete(key) !== true || owners.size > 0) return;
    this.#owners[family].delete(value);
    for (const state of this.#ranges.values()) {
      if (!contains(state.range, address)) continue;
      state.used--;
      if (value < state.next) state.next = value;
    }
  }

  /** The lowest free address of a pool. Going through a pool once costs its size in all, not at each call. */
  firstFree(pool: Pool, family: IpFamily): IpAddress | undefined {
    for (const range of pool.ranges) {
      const state = this.#ranges.get(range);
      if (range.family !== family || state === undefined) continue;
      while (state.next <= range.last && this.#owners[family].has(state.next)) state.next++;
      if (state.next <= range.last) return { family, value: state.next };
    }
    return undefined;
  }

  /** How many addresses of a pool somebody has; one that stands in two of its blocks counts twice, as it does in its size. */
  usedOf(pool: Pool): bigint {
    return pool.ranges.reduce((sum, range) => sum + (this.#ranges.get(range)?.used ?? 0n), 0n);
  }
}

interface RangeState {
  readonly range: PoolRange;
  /** Below this everything is taken. */
  next: bigint;
  used: bigint;
}

const nobody: ReadonlySet<string> = new Set();
