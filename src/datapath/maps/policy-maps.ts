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
      const fd = this.#bpf.createMap({
        type: MapType.lpmTrie,
        name: `policy_${id}`,
        keySize: policyKey.size,
        valueSize: policyEntry.size,
        maxEntries: this.entriesEach,
        flags: MapFlag.noPrealloc,
      });
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

  #try<T>(id: number, what: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      const hint = error.code === 'E2BIG' ? `it is full at ${this.maxEntries}: raise --map-size=policies=N` : undefined;
      const text = `map policies: ${what} of policy ${id}: ${error.message}`;
      throw new Fault(`MAP_${error.code}`, text, { cause: error, ...(hint === undefined ? {} : { hint }) });
    }
  }
}
