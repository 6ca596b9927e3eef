import { assert, Fault } from '../../lib/fault.ts';
import type { Layout } from '../../lib/layout.ts';
import { type Bpf, type MapInfo, UpdateFlag } from '../sys/bpf-calls.ts';
import { Errno, errnoName } from '../sys/kernel-calls.ts';

const ENOENT = 2;
const EEXIST = 17;
const ENOSPC = 28;
/** Pairs that go over in one system call. */
const batchSize = 1024;

/** What could not be written, and why. The rest was. */
export interface Refusal<K, V> {
  readonly key: K;
  readonly value: V;
  readonly fault: Fault;
}

/**
 * A map of the kernel whose keys and values are TypeScript's. Sizes were checked when it was opened. One call costs about a
 * microsecond; buffers are reused, so nothing here is re-entrant.
 */
export class TypedMap<K, V> {
  readonly name: string;
  readonly fd: number;
  readonly info: MapInfo;
  readonly keyLayout: Layout<K>;
  readonly valueLayout: Layout<V>;
  readonly #bpf: Bpf;
  readonly #flag: string;
  readonly #key: DataView;
  readonly #value: DataView;

  /**
   * @param flag what its size is given by: `--map-size=FLAG=N`
   * @throws Fault MAP_LAYOUT where the map has keys or values of another size
   */
  constructor(bpf: Bpf, name: string, fd: number, keyLayout: Layout<K>, valueLayout: Layout<V>, flag = name) {
    this.#bpf = bpf;
    this.#flag = flag;
    this.name = name;
    this.fd = fd;
    this.keyLayout = keyLayout;
    this.valueLayout = valueLayout;
    this.info = bpf.mapInfo(fd);
    const { keySize, valueSize } = this.info;
    if (keySize !== keyLayout.size || valueSize !== valueLayout.size) {
      const found = `keys of ${keySize} and values of ${valueSize} bytes`;
      const expected = `${keyLayout.size} (${keyLayout.name}) and ${valueLayout.size} (${valueLayout.name})`;
      throw new Fault('MAP_LAYOUT', `map ${name}: it has ${found}, not ${expected}`);
    }
    this.#key = new DataView(new ArrayBuffer(keyLayout.size));
    this.#value = new DataView(new ArrayBuffer(valueLayout.size));
  }

  get maxEntries(): number {
    return this.info.maxEntries;
  }

  /** In a trie: of the longest key that covers this one. @throws Fault */
  get(key: K): V | undefined {
    this.keyLayout.encode(key, this.#key);
    return this.#try('look-up', () => this.#bpf.lookup(this.fd, this.#key, this.#value))
      ? this.valueLayout.decode(this.#value)
      : undefined;
  }

  /** True where the key is new. @throws Fault, with the code MAP_E2BIG where the map is full */
  set(key: K, value: V): boolean {
    if (this.add(key, value)) return true;
    this.#try('update', () => this.#bpf.update(this.fd, this.#key, this.#value));
    return false;
  }

  /**
   * Leaves what is there as it is, and answers false then. Of a trie's key nothing else says whether it is there: a look-up finds a
   * shorter one that covers it. (Tries of kernels without the correction of Linux 6.13, which stable ones have too, write over it.)
   * @throws Fault, with the code MAP_E2BIG where the map is full
   */
  add(key: K, value: V): boolean {
    this.keyLayout.encode(key, this.#key);
    this.valueLayout.encode(value, this.#value);
    return this.#try('update', () => {
      try {
        this.#bpf.update(this.fd, this.#key, this.#value, UpdateFlag.noExist);
        return true;
      } catch (error) {
        if (error instanceof Errno && error.errno === EEXIST) return false;
        throw error;
      }
    });
  }

  /** False where there was none. @throws Fault */
  delete(key: K): boolean {
    this.keyLayout.encode(key, this.#key);
    return this.#try('delete', () => this.#bpf.delete(this.fd, this.#key));
  }

  /**
   * Everything that there is, read by and by: what is written meanwhile may be among it or not, and in a hash map an entry
   * may come twice.
   * @throws Fault
   */
  *entries(): Generator<[K, V]> {
    for (const { keys, values, count } of this.batches())
      for (let index = 0; index < count; index++)
        yield [
          this.keyLayout.decode(keys, index * this.keyLayout.size),
          this.valueLayout.decode(values, index * this.valueLayout.size),
        ];
  }

  /** The same as bytes, for who looks at millions of them. The views are used again for the next batch. */
  *batches(
    size = batchSize,
  ): Generator<{ readonly keys: DataView; readonly values: DataView; readonly count: number }> {
    const cursor = new Uint8Array(Math.max(8, this.keyLayout.size));
    let keys = new DataView(new ArrayBuffer(size * this.keyLayout.size));
    let values = new DataView(new ArrayBuffer(size * this.valueLayout.size));
    for (let first = true, most = size; ; ) {
      const { count, errno } = this.#bpf.lookupBatch(this.fd, cursor, first, keys, values, most);
      if (errno === ENOSPC) {
        // One bucket has more than that.
        most *= 2;
        keys = new DataView(new ArrayBuffer(most * this.keyLayout.size));
        values = new DataView(new ArrayBuffer(most * this.valueLayout.size));
        continue;
      }
      if (errno !== 0 && errno !== ENOENT) throw this.#fault('read', errno);
      if (count > 0) yield { keys, values, count };
      if (errno === ENOENT) return;
      first = false;
    }
  }

  /** Many at once: 1024 in a system call. Answers how many were written; what could not be goes to `refused`. */
  setMany(pairs: Iterable<readonly [K, V]>, refused: (refusal: Refusal<K, V>) => void): number {
    let written = 0;
    for (const batch of chunks(pairs, batchSize)) written += this.#setBatch(batch, refused);
    return written;
  }

  /** Answers how many of the keys there were; what could not be deleted goes to `refused`. */
  deleteMany(keys: Iterable<K>, refused: (key: K, fault: Fault) => void): number {
    let deleted = 0;
    for (const batch of chunks(keys, batchSize)) {
      for (let from = 0; from < batch.length; ) {
        const rest = batch.length - from;
        const encoded = this.#encode(this.keyLayout, batch.slice(from));
        const { count, errno } = this.#bpf.deleteBatch(this.fd, encoded, rest);
        deleted += count;
        from += count;
        if (errno === 0) continue;
        // It stops at the first that fails. One that is not there is deleted.
        assert(from < batch.length, `map ${this.name}: a batch that failed after its end`);
        const key = batch[from++] as K;
        if (errno !== ENOENT) refused(key, this.#fault('delete', errno));
      }
    }
    return deleted;
  }

  #setBatch(batch: readonly (readonly [K, V])[], refused: (refusal: Refusal<K, V>) => void): number {
    let written = 0;
    for (let from = 0; from < batch.length; ) {
      const rest = batch.slice(from);
      const keys = this.#encode(
        this.keyLayout,
        rest.map(([key]) => key),
      );
      const values = this.#encode(
        this.valueLayout,
        rest.map(([, value]) => value),
      );
      const { count, errno } = this.#bpf.updateBatch(this.fd, keys, values, rest.length);
      written += count;
      from += count;
      if (errno === 0) continue;
      assert(from < batch.length, `map ${this.name}: a batch that failed after its end`);
      // It stops at the first that fails: that one goes to the caller, then the rest.
      const [key, value] = batch[from++] as readonly [K, V];
      refused({ key, value, fault: this.#fault('update', errno) });
    }
    return written;
  }

  #encode<T>(layout: Layout<T>, items: readonly T[]): DataView {
    const view = new DataView(new ArrayBuffer(items.length * layout.size));
    for (const [index, item] of items.entries()) layout.encode(item, view, index * layout.size);
    return view;
  }

  #try<T>(what: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw error instanceof Errno ? this.#fault(what, error.errno, error) : error;
    }
  }

  #fault(what: string, errno: number, cause?: Error): Fault {
    const name = errnoName(errno);
    // A hash map says E2BIG when it is full, an LPM map ENOSPC.
    const full = name === 'E2BIG' || name === 'ENOSPC';
    return new Fault(full ? 'MAP_E2BIG' : `MAP_${name}`, `map ${this.name}: ${what}: ${full ? 'E2BIG' : name}`, {
      ...(cause === undefined ? {} : { cause }),
      ...(full ? { hint: `it is full at ${this.maxEntries} entries: raise --map-size=${this.#flag}=N` } : {}),
    });
  }
}

function* chunks<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let chunk: T[] = [];
  for (const item of items) {
    chunk.push(item);
    if (chunk.length === size) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}
