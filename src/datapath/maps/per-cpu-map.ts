import { Fault } from '../../lib/fault.ts';
import type { Layout } from '../../lib/layout.ts';
import type { Bpf } from '../sys/bpf-calls.ts';
import { Errno } from '../sys/kernel-calls.ts';

/**
 * A map with a value for each CPU, which programs write without a lock and readers add up. Values are numbers, or
 * structs of numbers: `sum` says how two are one.
 */
export class PerCpuMap<K, V> {
  readonly name: string;
  readonly fd: number;
  readonly maxEntries: number;
  readonly #bpf: Bpf;
  readonly #keyLayout: Layout<K>;
  readonly #valueLayout: Layout<V>;
  readonly #sum: (a: V, b: V) => V;
  readonly #key: DataView;
  readonly #values: DataView;
  readonly #stride: number;

  /** @throws Fault MAP_LAYOUT */
  constructor(bpf: Bpf, name: string, fd: number, key: Layout<K>, value: Layout<V>, sum: (a: V, b: V) => V) {
    this.#bpf = bpf;
    this.name = name;
    this.fd = fd;
    this.#keyLayout = key;
    this.#valueLayout = value;
    this.#sum = sum;
    const { keySize, valueSize, maxEntries } = bpf.mapInfo(fd);
    if (keySize !== key.size || valueSize !== value.size)
      throw new Fault('MAP_LAYOUT', `map ${name}: it has keys of ${keySize} and values of ${valueSize} bytes`);
    this.maxEntries = maxEntries;
    this.#key = new DataView(new ArrayBuffer(key.size));
    // The kernel rounds each CPU's value up to 8 bytes.
    this.#stride = Math.ceil(value.size / 8) * 8;
    this.#values = new DataView(new ArrayBuffer(this.#stride * bpf.possibleCpus()));
  }

  /** The sum over all CPUs. @throws Fault */
  get(key: K): V | undefined {
    this.#keyLayout.encode(key, this.#key);
    return this.#read(this.#key);
  }

  /** @throws Fault */
  *entries(): Generator<[K, V]> {
    const next = new DataView(new ArrayBuffer(this.#keyLayout.size));
    const last = new DataView(new ArrayBuffer(this.#keyLayout.size));
    for (let first = true; this.#bpf.nextKey(this.fd, first ? null : last, next); first = false) {
      const value = this.#read(next);
      if (value !== undefined) yield [this.#keyLayout.decode(next), value];
      new Uint8Array(last.buffer).set(new Uint8Array(next.buffer));
    }
  }

  #read(key: DataView): V | undefined {
    try {
      if (!this.#bpf.lookup(this.fd, key, this.#values)) return undefined;
    } catch (error) {
      if (error instanceof Errno) throw new Fault(`MAP_${error.code}`, `map ${this.name}: ${error.message}`);
      throw error;
    }
    let total = this.#valueLayout.decode(this.#values);
    for (let at = this.#stride; at < this.#values.byteLength; at += this.#stride)
      total = this.#sum(total, this.#valueLayout.decode(this.#values, at));
    return total;
  }
}
