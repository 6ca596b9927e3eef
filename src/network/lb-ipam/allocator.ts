import type { Service } from '../../api/index.ts';
import { formatIp, type IpAddress, type IpFamily } from '../../lib/ip-address.ts';
import { Addresses } from './addresses.ts';
import { findConflicts } from './conflicts.ts';
import { comparePools, holds, type Pool, type PoolObject, poolId, poolOf, selects, sizeOf } from './pool.ts';
import { compareRequests, mayShare, type Request, requestOf } from './request.ts';

/** Why a Service lacks an address, in the words of Cilium's LB-IPAM. */
export type Unsatisfied = 'no_pool' | 'out_of_ips' | 'already_allocated' | 'invalid_request';

export interface Assignment {
  /** In the order of the Service's families, or as asked for. */
  readonly addresses: readonly string[];
  readonly reason: 'satisfied' | Unsatisfied;
  /** What is missing; empty where nothing is. */
  readonly message: string;
  /** A pool is for this Service, or it has an address of one: what it has else is none of ours. */
  readonly ours: boolean;
}

export interface PoolUse {
  readonly id: string;
  readonly name: string;
  readonly total: bigint;
  readonly used: bigint;
  readonly conflict?: string;
}

interface Entry {
  request: Request;
  /** What its status said when it was first seen. */
  held: readonly IpAddress[];
  has: IpAddress[];
  assignment: Assignment | undefined;
}

/**
 * Who has which address. Pure bookkeeping: told of Services and pools, it gives at each {@link settle} what has changed. A
 * Service keeps what it has for as long as it may have it; else older Services come first. One more Service costs itself, and
 * a change of a pool all Services.
 */
export class AddressAllocator {
  readonly #entries = new Map<string, Entry>();
  readonly #pools = new Map<string, Pool>();
  readonly #addresses = new Addresses();
  readonly #dirty = new Set<string>();
  /** Of Services without all that they want. */
  readonly #waiting = new Set<string>();
  /** Addresses by the sharing key of those who have them. */
  readonly #shared = new Map<string, Map<string, IpAddress>>();
  /** What was let go since the last time, and by whom. */
  #freed: { readonly address: IpAddress; readonly key: string }[] = [];
  #ordered: readonly Pool[] = [];
  #conflicts: ReadonlyMap<string, string> = new Map();
  #poolsChanged = false;

  setPool(object: PoolObject): void {
    this.#pools.set(poolId(object), poolOf(object));
    this.#poolsChanged = true;
  }
  deletePool(object: Parameters<typeof poolId>[0]): void {
    if (this.#pools.delete(poolId(object))) this.#poolsChanged = true;
  }

  /** `held` is what its status has; it counts when the Service is new here. */
  setService(service: Service, held: readonly IpAddress[]): void {
    const request = requestOf(service);
    const { namespace = '', name } = service.metadata;
    const key = `${namespace}/${name}`;
    if (request === undefined) {
      this.deleteService(key);
      return;
    }
    const entry = this.#entries.get(key);
    if (entry === undefined) this.#entries.set(key, { request, held, has: [], assignment: undefined });
    else {
      // Where it stands among those that share follows from the request.
      this.#letGo(entry);
      entry.request = request;
    }
    this.#dirty.add(key);
  }
  deleteService(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    for (const address of entry.has) this.#drop(entry, address);
    this.#entries.delete(key);
    this.#waiting.delete(key);
    this.#dirty.add(key);
  }

  /** Undefined for a Service that is none of LB-IPAM's, or unknown. */
  assignment(key: string): Assignment | undefined {
    return this.#entries.get(key)?.assignment;
  }
  get hasPools(): boolean {
    return this.#pools.size > 0;
  }

  pools(): PoolUse[] {
    return this.#ordered.map((pool) => {
      const conflict = this.#conflicts.get(pool.id);
      return {
        id: pool.id,
        name: pool.name,
        total: sizeOf(pool),
        used: this.#addresses.usedOf(pool),
        ...(conflict === undefined ? {} : { conflict }),
      };
    });
  }

  /** Gives out what can be. Returns the keys of the Services whose assignment is another one now. */
  settle(): Set<string> {
    const changed = new Set<string>();
    if (this.#poolsChanged) this.#readPools();
    else if (this.#dirty.size === 0) return changed;
    const todo = new Map<string, Entry>();
    for (const key of this.#dirty) {
      const entry = this.#entries.get(key);
      if (entry === undefined) changed.add(key);
      else todo.set(key, entry);
    }
    this.#dirty.clear();
    // All keep what they have before anybody gets anything new.
    for (const entry of [...todo.values()].sort(byAge)) this.#keep(entry);
    for (const key of this.#retried(todo.values())) todo.set(key, this.#entries.get(key)!);
    const entries = [...todo.values()].sort(byAge);
    for (const entry of entries) {
      const assignment = this.#satisfy(entry);
      if (assignment.reason === 'satisfied') this.#waiting.delete(entry.request.key);
      else this.#waiting.add(entry.request.key);
      if (!same(entry.assignment, assignment)) changed.add(entry.request.key);
      entry.assignment = assignment;
    }
    return changed;
  }

  #readPools(): void {
    this.#poolsChanged = false;
    this.#ordered = [...this.#pools.values()].sort(comparePools);
    this.#conflicts = findConflicts(this.#ordered);
    this.#addresses.setPools(this.#ordered);
    for (const [key, entry] of this.#entries) {
      this.#letGo(entry);
      this.#dirty.add(key);
    }
  }

  /** Those who wait, if what has changed may be of use to them: an address came free, or can be shared. */
  #retried(changed: Iterable<Entry>): string[] {
    const freed = this.#freed.filter(({ address, key }) => !this.#addresses.owners(address).has(key));
    this.#freed = [];
    if (this.#waiting.size === 0) return [];
    if (freed.length > 0) return [...this.#waiting];
    const keys = new Set<string>();
    for (const { request } of changed) if (request.sharing !== undefined) keys.add(request.sharing.key);
    if (keys.size === 0) return [];
    return [...this.#waiting].filter((key) => keys.has(this.#entries.get(key)?.request.sharing?.key ?? ''));
  }

  /** Until {@link #keep}: what a Service may keep follows from its request, which is about to change. */
  #letGo(entry: Entry): void {
    for (const address of entry.has) this.#drop(entry, address);
    entry.held = [...entry.held, ...entry.has];
    entry.has = [];
  }

  #keep(entry: Entry): void {
    const { request, held } = entry;
    entry.held = [];
    for (const address of held) {
      const wanted =
        request.asked.length > 0
          ? request.asked.some((each) => each.family === address.family && each.value === address.value)
          : request.families.includes(address.family) && !entry.has.some(({ family }) => family === address.family);
      // Also of a pool that gives out nothing more.
      const pooled = this.#ordered.some((pool) => holds(pool, address) && selects(pool, request.labels));
      if (wanted && pooled && this.#mayTake(entry, address)) this.#take(entry, address);
    }
  }

  #satisfy(entry: Entry): Assignment {
    const { request } = entry;
    const pools = this.#ordered.filter((pool) => selects(pool, request.labels));
    const missing: { reason: Unsatisfied; message: string }[] = request.invalid.map((text) => ({
      reason: 'invalid_request',
      message: `${JSON.stringify(text.slice(0, 60))} is no IP address`,
    }));
    if (request.asked.length > 0)
      for (const address of request.asked) {
        const reason = this.#give(entry, address, pools);
        if (reason !== undefined) missing.push({ reason, message: `${formatIp(address)} ${askedMessages[reason]}` });
      }
    else if (request.invalid.length === 0)
      for (const family of request.families) {
        if (entry.has.some((address) => address.family === family)) continue;
        const reason = this.#giveAny(entry, family, pools);
        if (reason !== undefined) missing.push({ reason, message: anyMessage(reason, family) });
      }
    return {
      addresses: ordered(entry).map(formatIp),
      reason: missing[0]?.reason ?? 'satisfied',
      message: missing.map(({ message }) => message).join('; '),
      ours: pools.length > 0 || entry.has.length > 0 || entry.assignment?.ours === true,
    };
  }

  #give(entry: Entry, address: IpAddress, pools: readonly Pool[]): Unsatisfied | undefined {
    if (entry.has.some(({ family, value }) => family === address.family && value === address.value)) return undefined;
    if (!pools.some((pool) => this.#isOpen(pool) && holds(pool, address))) return 'no_pool';
    if (!this.#mayTake(entry, address)) return 'already_allocated';
    this.#take(entry, address);
    return undefined;
  }

  #giveAny(entry: Entry, family: IpFamily, pools: readonly Pool[]): Unsatisfied | undefined {
    const open = pools.filter((pool) => this.#isOpen(pool) && pool.ranges.some((range) => range.family === family));
    if (open.length === 0) return 'no_pool';
    const { sharing } = entry.request;
    const candidates = sharing === undefined ? [] : (this.#shared.get(sharing.key)?.values() ?? []);
    for (const address of candidates) {
      if (address.family !== family || !open.some((pool) => holds(pool, address))) continue;
      if (!this.#mayTake(entry, address)) continue;
      this.#take(entry, address);
      return undefined;
    }
    for (const pool of open) {
      const address = this.#addresses.firstFree(pool, family);
      if (address === undefined) continue;
      this.#take(entry, address);
      return undefined;
    }
    return 'out_of_ips';
  }

  /** Something new may come from it. */
  #isOpen(pool: Pool): boolean {
    return !pool.disabled && !this.#conflicts.has(pool.id);
  }

  #mayTake({ request }: Entry, address: IpAddress): boolean {
    for (const key of this.#addresses.owners(address)) {
      const owner = this.#entries.get(key);
      if (owner === undefined || !mayShare(owner.request, request)) return false;
    }
    return true;
  }

  #take(entry: Entry, address: IpAddress): void {
    entry.has.push(address);
    this.#addresses.take(address, entry.request.key);
    const key = entry.request.sharing?.key;
    if (key === undefined) return;
    const shared = this.#shared.get(key) ?? new Map<string, IpAddress>();
    shared.set(`${address.family} ${address.value}`, address);
    this.#shared.set(key, shared);
  }

  #drop({ request }: Entry, address: IpAddress): void {
    this.#freed.push({ address, key: request.key });
    this.#addresses.release(address, request.key);
    const key = request.sharing?.key;
    const shared = key === undefined ? undefined : this.#shared.get(key);
    if (key === undefined || shared === undefined || this.#addresses.owners(address).size > 0) return;
    shared.delete(`${address.family} ${address.value}`);
    if (shared.size === 0) this.#shared.delete(key);
  }
}

const askedMessages: Readonly<Record<Unsatisfied, string>> = {
  no_pool: 'is in no pool that this Service may use',
  already_allocated: 'belongs to another Service',
  out_of_ips: 'is not free',
  invalid_request: 'is no IP address',
};

function anyMessage(reason: Unsatisfied, family: IpFamily): string {
  return reason === 'no_pool'
    ? `there is no enabled pool with IPv${family} addresses for this Service`
    : `every IPv${family} address of the pools for this Service is taken`;
}

const byAge = (a: Entry, b: Entry): number => compareRequests(a.request, b.request);

function ordered({ request, has }: Entry): IpAddress[] {
  const place = (address: IpAddress) =>
    request.asked.length === 0
      ? request.families.indexOf(address.family)
      : request.asked.findIndex(({ family, value }) => family === address.family && value === address.value);
  return [...has].sort((a, b) => place(a) - place(b));
}

function same(a: Assignment | undefined, b: Assignment): boolean {
  return (
    a !== undefined &&
    a.reason === b.reason &&
    a.message === b.message &&
    a.ours === b.ours &&
    a.addresses.length === b.addresses.length &&
    a.addresses.every((address, i) => address === b.addresses[i])
  );
}
