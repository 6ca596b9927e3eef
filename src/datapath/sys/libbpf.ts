import { Fault } from '../../lib/fault.ts';
import type { BatchResult, Bpf, MapInfo } from './bpf-calls.ts';
import { Errno } from './kernel-calls.ts';
import { objectLoader } from './libbpf-object.ts';
import { tcFilters } from './libbpf-tc.ts';
import { testRunner } from './libbpf-test-run.ts';

const ENOENT = 2;

/**
 * The real BPF subsystem, through libbpf (1.0 or newer). Loaded only when somebody needs it.
 * @throws Fault BPF_LIBRARY where koffi or libbpf cannot be loaded
 */
export function openBpf(): Promise<Bpf> {
  opened ??= load();
  return opened;
}

/** One for the process: koffi keeps the types of all of it by their names. */
let opened: Promise<Bpf> | undefined;

async function load(): Promise<Bpf> {
  try {
    const { default: koffi } = await import('koffi');
    const library = koffi.load('libbpf.so.1');
    const bind = (prototype: string) => library.func(prototype) as (...args: unknown[]) => number;
    /** libbpf answers with the negative errno. */
    const call = (name: string, prototype: string) => {
      const native = bind(prototype);
      return (...args: unknown[]): number => {
        const result = native(...args);
        if (result < 0) throw new Errno(name, -result);
        return result;
      };
    };
    const lookup = bind('int bpf_map_lookup_elem(int fd, const void *key, void *value)');
    const remove = bind('int bpf_map_delete_elem(int fd, const void *key)');
    const nextKey = bind('int bpf_map_get_next_key(int fd, const void *key, void *next)');
    const update = call(
      'map update',
      'int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags)',
    );
    const batch = 'const void *keys, const void *values, void *count, const void *options';
    const updateBatch = library.func(`int bpf_map_update_batch(int fd, ${batch})`);
    const deleteBatch = library.func(
      'int bpf_map_delete_batch(int fd, const void *keys, void *count, const void *options)',
    );
    const lookupBatch = bind(`int bpf_map_lookup_batch(int fd, void *from, void *to, ${batch})`);
    const info = call('object info', 'int bpf_obj_get_info_by_fd(int fd, void *info, void *length)');
    const pin = call('pin', 'int bpf_obj_pin(int fd, const char *path)');
    const openPinned = call('open pin', 'int bpf_obj_get(const char *path)');
    const mapById = call('map by id', 'int bpf_map_get_fd_by_id(uint32_t id)');
    const createLink = call('link', 'int bpf_link_create(int program, int target, int type, const void *options)');
    const updateLink = call('link update', 'int bpf_link_update(int link, int program, const void *options)');
    const detachLink = call('link detach', 'int bpf_link_detach(int link)');
    const loadProgram = call(
      'program load',
      'int bpf_prog_load(int type, const char *name, const char *license, const void *code, size_t count, const void *options)',
    );
    const knowsHelper = call('probe helper', 'int libbpf_probe_bpf_helper(int type, int helper, const void *options)');
    const possibleCpus = call('count CPUs', 'int libbpf_num_possible_cpus()');
    koffi.struct('bpf_map_create_opts', {
      ...{ sz: 'size_t', btf_fd: 'uint32_t', btf_key_type_id: 'uint32_t', btf_value_type_id: 'uint32_t' },
      ...{ btf_vmlinux_value_type_id: 'uint32_t', inner_map_fd: 'uint32_t', map_flags: 'uint32_t' },
      ...{ map_extra: 'uint64_t', numa_node: 'uint32_t', map_ifindex: 'uint32_t' },
    });
    const createMap = call(
      'create map',
      'int bpf_map_create(int type, const char *name, uint32_t key, uint32_t value, uint32_t max, const bpf_map_create_opts *options)',
    );
    const missing = (name: string, result: number): boolean => {
      if (result === 0) return false;
      if (result === -ENOENT) return true;
      throw new Errno(name, -result);
    };
    const counted = (count: number, run: (count: Uint32Array) => number) => {
      const counter = Uint32Array.of(count);
      const result = run(counter);
      return { count: counter[0] as number, errno: result < 0 ? -result : 0 };
    };
    type Done = (error: unknown, result: number) => void;
    const countedAside = (count: number, run: (count: Uint32Array, done: Done) => void) =>
      new Promise<BatchResult>((resolve, reject) => {
        const counter = Uint32Array.of(count);
        run(counter, (error, result) => {
          if (error) reject(error as Error);
          else resolve({ count: counter[0] as number, errno: result < 0 ? -result : 0 });
        });
      });
    const infoOf = (fd: number): DataView => {
      const buffer = new DataView(new ArrayBuffer(256));
      info(fd, buffer, Uint32Array.of(buffer.byteLength));
      return buffer;
    };
    return {
      ...objectLoader(koffi, library),
      createMap: ({ type, name, keySize, valueSize, maxEntries, flags = 0, inner = 0 }) =>
        createMap(type, name.slice(0, 15), keySize, valueSize, maxEntries, {
          ...{ sz: 48, btf_fd: 0, btf_key_type_id: 0, btf_value_type_id: 0, btf_vmlinux_value_type_id: 0 },
          ...{ inner_map_fd: inner, map_flags: flags, map_extra: 0, numa_node: 0, map_ifindex: 0 },
        }),
      mapInfo: (fd) => mapInfo(infoOf(fd)),
      lookup: (fd, key, value) => !missing('map look-up', lookup(fd, key, value)),
      update: (fd, key, value, flags = 0) => void update(fd, key, value, flags),
      delete: (fd, key) => !missing('map delete', remove(fd, key)),
      nextKey: (fd, key, next) => !missing('map next key', nextKey(fd, key, next)),
      updateBatch: (fd, keys, values, count) =>
        counted(count, (counter) => updateBatch(fd, keys, values, counter, null)),
      deleteBatch: (fd, keys, count) => counted(count, (counter) => deleteBatch(fd, keys, counter, null)),
      updateBatchAside: (fd, keys, values, count) =>
        countedAside(count, (counter, done) => updateBatch.async(fd, keys, values, counter, null, done)),
      deleteBatchAside: (fd, keys, count) =>
        countedAside(count, (counter, done) => deleteBatch.async(fd, keys, counter, null, done)),
      lookupBatch: (fd, cursor, first, keys, values, count) =>
        counted(count, (counter) => lookupBatch(fd, first ? null : cursor, cursor, keys, values, counter, null)),
      pin: (fd, path) => void pin(fd, path),
      openPinned: (path) => openPinned(path),
      mapById: (id) => mapById(id),
      programInfo: (fd) => {
        const view = infoOf(fd);
        return { id: view.getUint32(4, true), name: nameAt(view, 64) };
      },
      linkInfo: (fd) => {
        const view = infoOf(fd);
        return {
          id: view.getUint32(4, true),
          programId: view.getUint32(8, true),
          ifindex: view.getUint32(16, true),
          attachType: view.getUint32(20, true),
        };
      },
      testRun: testRunner(koffi, library),
      createLink: (program, ifindex, attachType) => createLink(program, ifindex, attachType, null),
      updateLink: (link, program) => void updateLink(link, program, null),
      detachLink: (link) => void detachLink(link),
      ...tcFilters(koffi, library),
      possibleCpus: () => possibleCpus(),
      loadInstructions: (type, code) => loadProgram(type, 'probe', 'GPL', code, code.length / 8, null),
      knowsHelper: (type, helper) => knowsHelper(type, helper, null) === 1,
    };
  } catch (error) {
    throw Fault.from(error, 'BPF_LIBRARY', 'load libbpf', 'the eBPF datapath needs libbpf.so.1 (Debian: libbpf1)');
  }
}

/** `struct bpf_map_info` (include/uapi/linux/bpf.h). */
function mapInfo(view: DataView): MapInfo {
  const [type, id, keySize, valueSize, maxEntries, flags] = [0, 4, 8, 12, 16, 20].map((at) => view.getUint32(at, true));
  return {
    type: type as number,
    id: id as number,
    keySize: keySize as number,
    valueSize: valueSize as number,
    maxEntries: maxEntries as number,
    flags: flags as number,
    name: nameAt(view, 24),
  };
}

/** BPF_OBJ_NAME_LEN is 16, the end included. */
function nameAt(view: DataView, at: number): string {
  const bytes = Buffer.from(view.buffer, view.byteOffset + at, 16);
  return bytes.toString('latin1', 0, Math.max(0, bytes.indexOf(0)));
}
