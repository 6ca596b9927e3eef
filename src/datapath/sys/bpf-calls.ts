/**
 * What we ask of the kernel's BPF subsystem, as plain functions: the one door to it. File descriptors are numbers that the
 * caller closes (`Kernel.close`). Failures are `Errno`, except where it says otherwise; callers know what it was for, and make a
 * Fault of it.
 */
export interface Bpf {
  /**
   * Reads an object file, creates its maps (those in `maps` are used instead), and has the kernel verify its programs.
   * @throws LoadError with what libbpf and the verifier said
   */
  loadObject(path: string, options?: LoadOptions): BpfObject;

  /** What an object's maps are to be like, without making them (`id` is 0). @throws LoadError */
  readObject(path: string): MapInfo[];

  createMap(definition: MapDefinition): number;
  mapInfo(fd: number): MapInfo;
  /** Fills `value` and answers true; false where there is no such key. Per-CPU maps want 8-byte aligned values of every possible CPU. */
  lookup(fd: number, key: ArrayBufferView, value: ArrayBufferView): boolean;
  update(fd: number, key: ArrayBufferView, value: ArrayBufferView, flags?: number): void;
  /** False where there was no such key. */
  delete(fd: number, key: ArrayBufferView): boolean;
  /** Writes the key after `key` (the first, without one) to `next`; false at the end. */
  nextKey(fd: number, key: ArrayBufferView | null, next: ArrayBufferView): boolean;
  /** Of `count` pairs; answers how many were written. The error of the first that was not is `errno`, or 0. */
  updateBatch(fd: number, keys: ArrayBufferView, values: ArrayBufferView, count: number): BatchResult;
  deleteBatch(fd: number, keys: ArrayBufferView, count: number): BatchResult;
  /** The same, by a thread of its own: a map of maps keeps the kernel waiting for all processors. The buffers must not be changed meanwhile. */
  updateBatchAside(fd: number, keys: ArrayBufferView, values: ArrayBufferView, count: number): Promise<BatchResult>;
  deleteBatchAside(fd: number, keys: ArrayBufferView, count: number): Promise<BatchResult>;
  /**
   * Reads up to `count` pairs. `cursor` is given to the next call as it was left (at least 4 bytes and a key's size); `first` starts from
   * the beginning. At the end `errno` is ENOENT; ENOSPC means that a bucket has more pairs than `count`.
   */
  lookupBatch(
    fd: number,
    cursor: ArrayBufferView,
    first: boolean,
    keys: ArrayBufferView,
    values: ArrayBufferView,
    count: number,
  ): BatchResult;

  pin(fd: number, path: string): void;
  /** A map, program or link by its pin. */
  openPinned(path: string): number;
  /** Of the map that a map of maps holds, by the id that a look-up gives. */
  mapById(id: number): number;

  programInfo(fd: number): { readonly id: number; readonly name: string };
  /** Of a tcx or XDP link. */
  linkInfo(fd: number): LinkInfo;
  /** Runs a program on a packet without a device. */
  testRun(program: number, run: TestRun): TestRunResult;
  /** Attaches a program to a network device. The link ends with its last descriptor and pin. */
  createLink(program: number, ifindex: number, attachType: number): number;
  /** Replaces a link's program in place: there is no moment without one. */
  updateLink(link: number, program: number): void;
  /** Takes the program off the device whatever other descriptors and pins the link has. */
  detachLink(link: number): void;

  /** The clsact filter of kernels without tcx, made or replaced in place. */
  attachFilter(ifindex: number, direction: 'ingress' | 'egress', program: number): void;
  /** False where there is none. */
  detachFilter(ifindex: number, direction: 'ingress' | 'egress'): boolean;
  /** Id of the program of our filter, if there is one. */
  queryFilter(ifindex: number, direction: 'ingress' | 'egress'): number | undefined;

  /** Per-CPU values have one slot for each. */
  possibleCpus(): number;

  /** A program of instructions (8 bytes each, include/uapi/linux/bpf.h), under the GPL. */
  loadInstructions(programType: number, instructions: Uint8Array): number;
  /** Whether programs of that type may call it. Not to be asked without permission to load any: libbpf takes a refusal for a yes. */
  knowsHelper(programType: number, helper: number): boolean;
}

export interface LoadOptions {
  /** Maps that are there already, by name: used instead of new ones. */
  readonly maps?: ReadonlyMap<string, number>;
  /** Most entries of new maps, by name; those not named are as the object says. */
  readonly maxEntries?: ReadonlyMap<string, number>;
  /** Only these programs are loaded; all, if not given. */
  readonly programs?: ReadonlySet<string>;
}

export interface BpfObject {
  readonly maps: ReadonlyMap<string, number>;
  /** Descriptors by function name. */
  readonly programs: ReadonlyMap<string, number>;
  /** Closes all of these descriptors; what is pinned or attached stays. */
  close(): void;
}

export interface MapDefinition {
  /** `MapType` */
  readonly type: number;
  readonly name: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
  /** The template of a map of maps. */
  readonly inner?: number;
}

export interface MapInfo {
  readonly type: number;
  readonly id: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly name: string;
}

export interface LinkInfo {
  readonly id: number;
  readonly programId: number;
  /** 0: the device is gone, and the link with it. */
  readonly ifindex: number;
  readonly attachType: number;
}

export interface BatchResult {
  readonly count: number;
  readonly errno: number;
}

export interface TestRun {
  /** The packet, with its Ethernet header. */
  readonly data: Uint8Array;
  /** `struct __sk_buff`; fields that the kernel does not let one set must be 0. */
  readonly context?: Uint8Array;
  /** Times; 1 if not given. */
  readonly repeat?: number;
}

export interface TestRunResult {
  readonly retval: number;
  readonly data: Uint8Array;
  /** As the program left it; empty if none was given. */
  readonly context: Uint8Array;
  /** Mean of one repetition: nanoseconds. */
  readonly duration: number;
}

/** What libbpf and the verifier said about an object that does not load. */
export class LoadError extends Error {
  readonly errno: number;
  readonly log: string;

  constructor(message: string, errno: number, log: string) {
    super(message);
    this.name = 'LoadError';
    this.errno = errno;
    this.log = log;
  }
}

/** Numbers of the kernel's include/uapi/linux/bpf.h. */
export const MapType = {
  hash: 1,
  array: 2,
  perCpuHash: 5,
  perCpuArray: 6,
  lruHash: 9,
  lpmTrie: 11,
  arrayOfMaps: 12,
  hashOfMaps: 13,
  ringBuffer: 27,
} as const;

export const AttachType = { tcxIngress: 46, tcxEgress: 47 } as const;

export const UpdateFlag = { any: 0, noExist: 1, exist: 2 } as const;

export const MapFlag = { noPrealloc: 1 } as const;

export const ProgramType = { schedCls: 3 } as const;
