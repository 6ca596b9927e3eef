import { assert } from '../../lib/fault.ts';
import { type Bpf, type MapInfo, MapType, UpdateFlag } from '../sys/bpf-calls.ts';
import { Errno } from '../sys/kernel-calls.ts';

const ENOENT = 2;
const ENOSPC = 28;
const EEXIST = 17;
const batchSize = 4096;

/** Whether entries of one map mean the same in the other: same keys and values, and a kind of map that can be read. */
export function isCopied(from: MapInfo, to: MapInfo): boolean {
  const kinds: readonly number[] = [MapType.hash, MapType.lruHash, MapType.lpmTrie];
  return (
    kinds.includes(from.type) && from.type === to.type && from.keySize === to.keySize && from.valueSize === to.valueSize
  );
}

/** Brings over what the other map lacks. Answers how many entries that were. A smaller map takes what it has room for. */
export function copyMap(bpf: Bpf, from: number, to: number): number {
  const { keySize, valueSize } = bpf.mapInfo(from);
  const cursor = new Uint8Array(Math.max(8, keySize));
  let copied = 0;
  for (let first = true, most = batchSize; ; ) {
    const keys = new Uint8Array(most * keySize);
    const values = new Uint8Array(most * valueSize);
    const { count, errno } = bpf.lookupBatch(from, cursor, first, keys, values, most);
    if (errno === ENOSPC) {
      most *= 2;
      continue;
    }
    assert(errno === 0 || errno === ENOENT, `copy of a map: errno ${errno}`);
    for (let index = 0; index < count; index++) {
      const key = keys.subarray(index * keySize, (index + 1) * keySize);
      const value = values.subarray(index * valueSize, (index + 1) * valueSize);
      try {
        // One by one: a batch cannot leave alone what is there already, and newer.
        bpf.update(to, key, value, UpdateFlag.noExist);
        copied++;
      } catch (error) {
        if (!(error instanceof Errno)) throw error;
        if (error.errno !== EEXIST) return copied;
      }
    }
    if (errno === ENOENT) return copied;
    first = false;
  }
}
