import { assert } from '../../lib/fault.ts';
import { type Bpf, type MapInfo, MapType, UpdateFlag } from '../sys/bpf-calls.ts';
import { Errno, type Kernel } from '../sys/kernel-calls.ts';

const ENOENT = 2;
const ENOSPC = 28;
const EEXIST = 17;
const batchSize = 4096;

/** Whether entries of one map mean the same in the other: same keys and values, and a kind of map that can be read. */
export function isCopied(from: MapInfo, to: MapInfo): boolean {
  const kinds: readonly number[] = [MapType.hash, MapType.lruHash, MapType.lpmTrie, MapType.hashOfMaps];
  return (
    kinds.includes(from.type) && from.type === to.type && from.keySize === to.keySize && from.valueSize === to.valueSize
  );
}

/** Brings over what the other map lacks. Answers how many entries that were. A smaller map takes what it has room for. */
export function copyMap(bpf: Bpf, kernel: Kernel, from: number, to: number): number {
  if (bpf.mapInfo(from).type === MapType.hashOfMaps) return copyMapOfMaps(bpf, kernel, from, to);
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

/** The maps themselves are not copied: both hold the same ones. Reading gives their ids, writing takes descriptors. */
function copyMapOfMaps(bpf: Bpf, kernel: Kernel, from: number, to: number): number {
  const keySize = bpf.mapInfo(from).keySize;
  const [last, key, id] = [new Uint8Array(keySize), new Uint8Array(keySize), new Uint32Array(1)];
  let copied = 0;
  for (let first = true; bpf.nextKey(from, first ? null : last, key); first = false) {
    last.set(key);
    if (bpf.lookup(to, key, new Uint32Array(1)) || !bpf.lookup(from, key, id)) continue;
    const inner = bpf.mapById(id[0] as number);
    try {
      bpf.update(to, key, Uint32Array.of(inner), UpdateFlag.noExist);
      copied++;
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      return copied;
    } finally {
      kernel.close(inner);
    }
  }
  return copied;
}
