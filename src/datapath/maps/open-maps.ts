import { join } from 'node:path';
import { Abi } from '../../gen/abi.ts';
import { Fault } from '../../lib/fault.ts';
import { u32 } from '../../lib/layout.ts';
import { type Bpf, type BpfObject, LoadError, type MapInfo, MapType } from '../sys/bpf-calls.ts';
import { errnoName, type Kernel } from '../sys/kernel-calls.ts';
import { type MapSizes, typedMaps } from './definitions.ts';
import { copyMap, isCopied } from './migrate.ts';
import { objectDirectory } from './object-directory.ts';
import { linksDirectory, Pins } from './pins.ts';

export interface OpenMapsOptions {
  /** In a BPF file system: `/sys/fs/bpf/sluice`. */
  readonly directory: string;
  readonly sizes?: MapSizes;
  /** Of the compiled programs. */
  readonly objects?: string;
}

export interface DatapathMaps extends ReturnType<typeof typedMaps> {
  readonly directory: string;
  /** Descriptors by name: what programs are loaded with. */
  readonly fds: ReadonlyMap<string, number>;
  /** Maps that were made anew, though there was one of that name: its size or layout had changed. */
  readonly replaced: readonly Replacement[];
  /**
   * To be called once the programs that use these maps are in force: brings over what the old programs wrote meanwhile into maps
   * that were replaced (in those that the agent alone writes, what it has removed since stays away), and takes away pins of maps that
   * there are no longer.
   */
  finishReplacing(): void;
  /** Closes the descriptors; the pins stay. */
  close(): void;
}

export interface Replacement {
  readonly map: string;
  /** What differs: `max_entries 4096 -> 8192`. */
  readonly reason: string;
  /** Entries that were taken over; undefined where what they mean has changed. */
  readonly copied: number | undefined;
}

/**
 * The maps of the datapath: the pinned ones where they are as they should be, new ones where not, pinned under the same names.
 * A map of another size is replaced by one with the same contents; maps for another version of the programs by empty ones, which the
 * programs that are attached do not see.
 * @throws Fault BPF_LOAD, BPFFS, PIN_..., MAP_LAYOUT
 */
export function openMaps(bpf: Bpf, kernel: Kernel, options: OpenMapsOptions): DatapathMaps {
  const { directory, sizes = {}, objects = objectDirectory() } = options;
  const pins = new Pins(bpf, kernel, directory);
  const path = join(objects, 'abi.bpf.o');
  const sameAbi = hasOurAbi(bpf, kernel, pins);
  // Only to know what they are to be like: nothing of it is kept. Maps of a million entries are not made for that.
  const wanted = definitions(bpf, path, sizes);
  const reused = new Map<string, number>();
  const old = new Map<string, { fd: number; reason: string }>();
  let object: BpfObject | undefined;
  const copy = (from: number, to: number) =>
    sameAbi && isCopied(bpf.mapInfo(from), bpf.mapInfo(to)) ? copyMap(bpf, kernel, from, to) : undefined;
  const closeAll = () => {
    for (const fd of reused.values()) kernel.close(fd);
    for (const { fd } of old.values()) kernel.close(fd);
    object?.close();
  };
  try {
    for (const [name, definition] of wanted) {
      const fd = pins.open(name);
      if (fd === undefined) continue;
      const reason = difference(bpf.mapInfo(fd), definition);
      if (reason === undefined && sameAbi) reused.set(name, fd);
      else old.set(name, { fd, reason: reason ?? 'of another version of the programs' });
    }
    object = load(bpf, path, { maps: reused, maxEntries: maxEntries(sizes) });
    const fds = new Map([...object.maps].filter(([name]) => wanted.has(name)));
    const replaced: Replacement[] = [];
    for (const [name, { fd, reason }] of old) {
      const target = fds.get(name) as number;
      replaced.push({ map: name, reason, copied: copy(fd, target) });
    }
    for (const [name, fd] of fds) if (!reused.has(name)) pins.set(name, fd);
    const maps = typedMaps(bpf, kernel, fds, sizes);
    return {
      ...maps,
      directory,
      fds,
      replaced,
      finishReplacing: () => {
        for (const [name, { fd }] of old) {
          const target = fds.get(name) as number;
          if (bpf.mapInfo(fd).type === MapType.lruHash) copy(fd, target);
          kernel.close(fd);
        }
        old.clear();
        for (const name of pins.names()) if (!wanted.has(name) && name !== linksDirectory) pins.delete(name);
      },
      close: () => {
        maps.policies.close();
        closeAll();
      },
    };
  } catch (error) {
    closeAll();
    throw error;
  }
}

/** Whether what is pinned was written for the programs that we have. Where nothing is, or an agent ended before it wrote, it is. */
function hasOurAbi(bpf: Bpf, kernel: Kernel, pins: Pins): boolean {
  const fd = pins.open('config');
  if (fd === undefined) return true;
  try {
    const { keySize, valueSize } = bpf.mapInfo(fd);
    const value = new DataView(new ArrayBuffer(valueSize));
    if (keySize !== u32.size || !bpf.lookup(fd, new Uint8Array(keySize), value)) return false;
    // Since the first version it begins with the number of the version.
    const version = value.getUint32(0, true);
    return version === 0 || version === Abi.abiVersion;
  } finally {
    kernel.close(fd);
  }
}

/** What each map of the object is to be like. Internal ones (.bss, .rodata) have a dot in their names. */
function definitions(bpf: Bpf, path: string, sizes: MapSizes): Map<string, MapInfo> {
  const found = bpf.readObject(path).filter(({ name }) => !name.includes('.'));
  const entries = maxEntries(sizes);
  return new Map(found.map((info) => [info.name, { ...info, maxEntries: entries.get(info.name) ?? info.maxEntries }]));
}

function maxEntries(sizes: MapSizes): Map<string, number> {
  // `policy` is the size of the maps inside of `policies`, which are made one by one.
  const entries = Object.entries(sizes).filter(([name, size]) => name !== 'policy' && size !== undefined);
  // A ring buffer is made so, whatever is asked for: a power of two, and whole pages.
  return new Map(entries.map(([name, size]) => [name, name === 'events' ? ringBufferSize(size) : size]));
}

function ringBufferSize(bytes: number): number {
  return Math.max(4096, 2 ** Math.ceil(Math.log2(bytes)));
}

function difference(is: MapInfo, should: MapInfo): string | undefined {
  for (const [field, text] of [
    ['type', 'type'],
    ['keySize', 'key size'],
    ['valueSize', 'value size'],
    ['maxEntries', 'max_entries'],
    ['flags', 'flags'],
  ] as const) {
    if (is[field] !== should[field]) return `${text} ${is[field]} -> ${should[field]}`;
  }
  return undefined;
}

function load(bpf: Bpf, path: string, options: Parameters<Bpf['loadObject']>[1]): BpfObject {
  try {
    return bpf.loadObject(path, options);
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    const tooLarge = ['ENOMEM', 'E2BIG', 'EINVAL'].includes(errnoName(error.errno));
    throw new Fault('BPF_LOAD', `${error.message}\n${error.log}`.trimEnd(), {
      cause: error,
      hint: tooLarge
        ? 'maps of these sizes cannot be made: see --map-size'
        : 'root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, are needed; see `sluice probe`',
    });
  }
}
