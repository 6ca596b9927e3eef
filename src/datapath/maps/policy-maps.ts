import { type PolicyEntry, type PolicyKey, policyEntry, policyKey } from '../../gen/abi.ts';
import { Fault } from '../../lib/fault.ts';
import { u32 } from '../../lib/layout.ts';
import { type Bpf, MapFlag, MapType } from '../sys/bpf-calls.ts';
import { Errno, type Kernel } from '../sys/kernel-calls.ts';
import { TypedMap } from './typed-map.ts';

export type PolicyMap = TypedMap<PolicyKey, PolicyEntry>;

/**
 * The map of policy maps. A policy map is filled before it is put in, so no packet ever sees half of a policy; the kernel holds
 * it as long as it is in here, and `close` only gives our descriptors back.
 */
export class PolicyMaps {
  readonly name = 'policies';
  readonly fd: number;
  readonly maxEntries: number;
  readonly #bpf: Bpf;
  readonly #kernel: Kernel;
  /** Most entries of each policy map that is made. */
  readonly entriesEach: number;
  readonly #open = new Map<number, PolicyMap>();
  readonly #key = new DataView(new ArrayBuffer(4));
  readonly #value = new DataView(new ArrayBuffer(4));

  /** @param size most entries of each policy map made from now on */
  constructor(bpf: Bpf, kernel: Kernel, fd: number, size: number) {
    this.#bpf = bpf;
    this.#kernel = kernel;
    this.fd = fd;
    this.entriesEach = size;
    this.maxEntries = bpf.mapInfo(fd).maxEntries;
  }

  /** The map of this policy, if there is one. @throws Fault */
  get(id: number): PolicyMap | undefined {
    const open = this.#open.get(id);
    if (open) return open;
    return this.#try(id, 'look-up', () => {
      u32.encode(id, this.#key);
      if (!this.#bpf.lookup(this.fd, this.#key, this.#value)) return undefined;
      return this.#keep(id, this.#bpf.mapById(u32.decode(this.#value)));
    });
  }

  /**
   * A new map under this id, in place of the one that was there. It is in force once `fill` has returned.
   * @throws Fault MAP_E2BIG where there are as many policies as `--map-size=policies=N` says
   */
  create(id: number, fill: (map: PolicyMap) => void): PolicyMap {
    return this.#try(id, 'create', () => {
      const fd = this.#newMap(id);
      try {
        fill(new TypedMap(this.#bpf, `policy_${id}`, fd, policyKey, policyEntry, 'policy'));
        u32.encode(id, this.#key);
        u32.encode(fd, this.#value);
        this.#bpf.update(this.fd, this.#key, this.#value);
      } catch (error) {
        this.#kernel.close(fd);
        throw error;
      }
      return this.#keep(id, fd);
    });
  }

  /**
   * New maps under these ids, with nothing in them, by a thread of its own: the kernel makes whoever puts one in wait for all processors, as long
   * for many as for one. @throws Fault; then there are none
   */
  async createEmptyAside(ids: readonly number[]): Promise<{ readonly id: number; readonly map: PolicyMap }[]> {
    if (ids.length === 0) return [];
    const fds: number[] = [];
    try {
      for (const id of ids) fds.push(this.#try(id, 'create', () => this.#newMap(id)));
      const { count, errno } = await this.#bpf.updateBatchAside(
        ...([this.fd, numbers(ids), numbers(fds), ids.length] as const),
      );
      if (errno !== 0) {
        await this.#bpf.deleteBatchAside(this.fd, numbers(ids.slice(0, count)), count);
        throw this.#fault(ids[count] as number, 'create', new Errno('map update', errno));
      }
    } catch (error) {
      for (const fd of fds) this.#kernel.close(fd);
      throw error;
    }
    return ids.map((id, i) => ({ id, map: this.#keep(id, fds[i] as number) }));
  }

  /** Takes these away, all at the cost of one. @throws Fault; then some may be gone */
  deleteMany(ids: readonly number[]): void {
    if (ids.length === 0) return;
    for (const id of ids) this.#forget(id);
    const { count, errno } = this.#bpf.deleteBatch(this.fd, numbers(ids), ids.length);
    if (errno !== 0) throw this.#fault(ids[count] as number, 'delete', new Errno('map delete', errno));
  }

  /** By a thread of its own; one that is not there is as good as taken away. @throws Fault; then some may be gone */
  async deleteAside(ids: readonly number[]): Promise<void> {
    for (const id of ids) this.#forget(id);
    for (let rest = ids; rest.length > 0; ) {
      const { count, errno } = await this.#bpf.deleteBatchAside(this.fd, numbers(rest), rest.length);
      if (errno === 0) return;
      // It stops at the first that fails.
      const error = new Errno('map delete', errno);
      if (error.code !== 'ENOENT') throw this.#fault(rest[count] as number, 'delete', error);
      rest = rest.slice(count + 1);
    }
  }

  /** Whether what programs find under this id is the map that we hold. @throws Fault */
  isInForce(id: number): boolean {
    const map = this.#open.get(id);
    if (map === undefined) return false;
    return this.#try(id, 'look-up', () => {
      u32.encode(id, this.#key);
      return this.#bpf.lookup(this.fd, this.#key, this.#value) && u32.decode(this.#value) === map.info.id;
    });
  }

  /** Puts the map that we hold under its id again, where somebody took it away. @throws Fault */
  reinstate(id: number): void {
    const map = this.#open.get(id);
    if (map === undefined) return;
    this.#try(id, 'update', () => {
      u32.encode(id, this.#key);
      u32.encode(map.fd, this.#value);
      this.#bpf.update(this.fd, this.#key, this.#value);
    });
  }

  /** False where there was none. The kernel frees the map once no program looks into it. @throws Fault */
  delete(id: number): boolean {
    return this.#try(id, 'delete', () => {
      this.#forget(id);
      u32.encode(id, this.#key);
      return this.#bpf.delete(this.fd, this.#key);
    });
  }

  /** Of all that there are, after a restart too. */
  *ids(): Generator<number> {
    const next = new DataView(new ArrayBuffer(4));
    const last = new DataView(new ArrayBuffer(4));
    for (let first = true; this.#bpf.nextKey(this.fd, first ? null : last, next); first = false) {
      yield next.getUint32(0, true);
      last.setUint32(0, next.getUint32(0, true), true);
    }
  }

  close(): void {
    for (const id of [...this.#open.keys()]) this.#forget(id);
  }

  #keep(id: number, fd: number): PolicyMap {
    this.#forget(id);
    const map: PolicyMap = new TypedMap(this.#bpf, `policy_${id}`, fd, policyKey, policyEntry, 'policy');
    this.#open.set(id, map);
    return map;
  }

  #forget(id: number): void {
    const map = this.#open.get(id);
    if (!map) return;
    this.#open.delete(id);
    this.#kernel.close(map.fd);
  }

  #newMap(id: number): number {
    return this.#bpf.createMap({
      type: MapType.lpmTrie,
      name: `policy_${id}`,
      keySize: policyKey.size,
      valueSize: policyEntry.size,
      maxEntries: this.entriesEach,
      flags: MapFlag.noPrealloc,
    });
  }

  #try<T>(id: number, what: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw error instanceof Errno ? this.#fault(id, what, error) : error;
    }
  }

  #fault(id: number, what: string, error: Errno): Fault {
    const hint = error.code === 'E2BIG' ? `it is full at ${this.maxEntries}: raise --map-size=policies=N` : undefined;
    const text = `map policies: ${what} of policy ${id}: ${error.message}`;
    return new Fault(`MAP_${error.code}`, text, { cause: error, ...(hint === undefined ? {} : { hint }) });
  }
}

/** In the order of this machine, as the kernel reads them. */
const numbers = (all: readonly number[]) => Uint32Array.from(all);
