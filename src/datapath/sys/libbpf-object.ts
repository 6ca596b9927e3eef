import type koffiModule from 'koffi';
import type { LibraryHandle } from 'koffi';
import { type Bpf, type BpfObject, LoadError, type LoadOptions, type MapInfo } from './bpf-calls.ts';
import { errnoName } from './kernel-calls.ts';

type Koffi = typeof koffiModule;

/** libbpf passes the whole verifier log as one message. */
const longestMessage = 1 << 24;

/** Loading of whole objects: what libbpf is for (relocations, BTF, maps of maps). */
export function objectLoader(koffi: Koffi, library: LibraryHandle): Pick<Bpf, 'loadObject' | 'readObject'> {
  const pointer = (prototype: string) => library.func(prototype) as (...args: unknown[]) => bigint | null;
  const number = (prototype: string) => library.func(prototype) as (...args: unknown[]) => number;
  const open = pointer('void *bpf_object__open_file(const char *path, const void *options)');
  const load = number('int bpf_object__load(void *object)');
  const close = number('void bpf_object__close(void *object)');
  const nextMap = pointer('void *bpf_object__next_map(void *object, void *map)');
  const mapName = library.func('const char *bpf_map__name(void *map)') as (map: bigint) => string;
  const mapType = number('int bpf_map__type(void *map)');
  const mapKeySize = number('uint32_t bpf_map__key_size(void *map)');
  const mapValueSize = number('uint32_t bpf_map__value_size(void *map)');
  const mapMaxEntries = number('uint32_t bpf_map__max_entries(void *map)');
  const mapFlags = number('uint32_t bpf_map__map_flags(void *map)');
  const mapFd = number('int bpf_map__fd(void *map)');
  const reuseFd = number('int bpf_map__reuse_fd(void *map, int fd)');
  const setMaxEntries = number('int bpf_map__set_max_entries(void *map, uint32_t entries)');
  const setPinPath = number('int bpf_map__set_pin_path(void *map, const char *path)');
  const nextProgram = pointer('void *bpf_object__next_program(void *object, void *program)');
  const programName = library.func('const char *bpf_program__name(void *program)') as (program: bigint) => string;
  const programFd = number('int bpf_program__fd(void *program)');
  const setAutoload = number('int bpf_program__set_autoload(void *program, bool autoload)');
  const collect = logCollector(koffi, library);

  const each = function* (next: (object: bigint, last: bigint | null) => bigint | null, object: bigint) {
    for (let item = next(object, null); item; item = next(object, item)) yield item;
  };
  const check = (what: string, result: number, log: string) => {
    if (result < 0) throw new LoadError(`${what}: ${errnoName(-result)}`, -result, log);
  };

  const openObject = (path: string, log: string[]): bigint => {
    const object = collect(log, () => open(path, null));
    if (!object) throw new LoadError(`open ${path}: ${errnoName(koffi.errno())}`, koffi.errno(), log.join(''));
    return object;
  };
  const readObject = (path: string): MapInfo[] => {
    const object = openObject(path, []);
    const maps = Array.from(each(nextMap, object), (map) => ({
      ...{ type: mapType(map), id: 0, keySize: mapKeySize(map), valueSize: mapValueSize(map) },
      ...{ maxEntries: mapMaxEntries(map), flags: mapFlags(map), name: mapName(map) },
    }));
    close(object);
    return maps;
  };

  const loadObject = (path: string, options: LoadOptions = {}): BpfObject => {
    const log: string[] = [];
    const text = () => log.join('');
    const object = openObject(path, log);
    try {
      for (const map of each(nextMap, object)) {
        const name = mapName(map);
        // Pins are ours to make: with checked sizes, and replaced when they differ.
        check(`map ${name}: pin path`, setPinPath(map, null), text());
        const fd = options.maps?.get(name);
        const entries = options.maxEntries?.get(name);
        if (fd !== undefined) check(`map ${name}: reuse`, reuseFd(map, fd), text());
        else if (entries !== undefined) check(`map ${name}: set size`, setMaxEntries(map, entries), text());
      }
      for (const program of each(nextProgram, object))
        if (options.programs) setAutoload(program, options.programs.has(programName(program)));
      const result = collect(log, () => load(object));
      check(`load ${path}`, result, text());
      const maps = new Map(Array.from(each(nextMap, object), (map) => [mapName(map), mapFd(map)]));
      const programs = new Map(
        Array.from(each(nextProgram, object), (program): [string, number] => [programName(program), programFd(program)])
          // Negative: not loaded.
          .filter(([, fd]) => fd >= 0),
      );
      return { maps, programs, close: () => void close(object) };
    } catch (error) {
      close(object);
      throw error;
    }
  };
  return { loadObject, readObject };
}

/**
 * libbpf reports to one function of the whole process, and by `va_list`, which on x86-64 and arm64 is passed on by its address.
 * It is ours only while we load: libbpf may be called from another thread, where JavaScript cannot be called.
 */
function logCollector(koffi: Koffi, library: LibraryHandle) {
  const setPrint = library.func('void *libbpf_set_print(void *print)');
  const format = koffi
    .load('libc.so.6')
    .func('int vsnprintf(_Out_ uint8_t *text, size_t size, void *format, void *arguments)');
  const prototype = koffi.pointer(koffi.proto('int (int level, void *format, void *arguments)'));
  setPrint(null);
  return <T>(log: string[], work: () => T): T => {
    let buffer: Buffer | undefined;
    const callback = koffi.register((level: number, pattern: bigint, values: bigint) => {
      // 2 is debug.
      if (level >= 2) return 0;
      buffer ??= Buffer.alloc(longestMessage);
      const length = Math.min(format(buffer, buffer.length, pattern, values), buffer.length - 1);
      log.push(buffer.toString('utf8', 0, length));
      return length;
    }, prototype);
    setPrint(callback);
    try {
      return work();
    } finally {
      setPrint(null);
      koffi.unregister(callback);
    }
  };
}
