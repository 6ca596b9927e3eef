import { join } from 'node:path';
import { type Event, event } from '../../gen/abi.ts';
import { RingBuffer } from '../events/index.ts';
import { typedMaps } from '../maps/definitions.ts';
import { objectDirectory } from '../maps/index.ts';
import type { NetworkNamespace } from '../netlink/network-namespace.ts';
import type { Bpf, BpfObject } from '../sys/bpf-calls.ts';
import type { Kernel } from '../sys/kernel-calls.ts';
import { encodeSkb, markOf, type SkbContext } from './skb-context.ts';

/** The files of bpf/, and the program of each. */
export const programs = {
  from_pod: 'from-pod',
  to_pod: 'to-pod',
  from_uplink: 'from-uplink',
  to_uplink: 'to-uplink',
  from_tunnel: 'from-tunnel',
  to_tunnel: 'to-tunnel',
} as const;

export type ProgramName = keyof typeof programs;
export type Verdict = 'pass' | 'drop' | 'redirect';

/** TC_ACT_UNSPEC, TC_ACT_SHOT, TC_ACT_REDIRECT (linux/pkt_cls.h). */
const verdicts = new Map<number, Verdict>([
  [0xffffffff, 'pass'],
  [2, 'drop'],
  [7, 'redirect'],
]);

export interface RunResult {
  readonly verdict: Verdict;
  readonly packet: Buffer;
  readonly mark: number;
  readonly events: readonly Event[];
  /** Nanoseconds, mean of the repetitions. */
  readonly duration: number;
}

/** Small maps, which are ours alone: nothing is pinned, and everything goes with the descriptors. */
const sizes = { ipcache4: 65536, ipcache6: 65536, conntrack4: 4096, conntrack6: 4096, events: 1 << 20, policy: 4096 };

/** The programs with maps of their own, run on packets without any device being touched. */
export class ProgramRunner {
  readonly maps: ReturnType<typeof typedMaps>;
  readonly bpf: Bpf;
  readonly kernel: Kernel;
  readonly #objects: readonly BpfObject[];
  readonly #fds: ReadonlyMap<string, number>;
  readonly #netns: NetworkNamespace;
  readonly #ring: RingBuffer;

  /**
   * @param netns where devices are looked up, for programs that look at some
   * @param other maps that programs get in place of their own, by name: the caller's
   */
  constructor(bpf: Bpf, kernel: Kernel, netns: NetworkNamespace, other: ReadonlyMap<string, number> = new Map()) {
    this.bpf = bpf;
    this.kernel = kernel;
    this.#netns = netns;
    const { policy, ...entries } = sizes;
    const directory = objectDirectory();
    const shared = bpf.loadObject(join(directory, 'abi.bpf.o'), { maxEntries: new Map(Object.entries(entries)) });
    const maps = new Map([...shared.maps, ...other]);
    const loaded = Object.values(programs).map((name) => bpf.loadObject(join(directory, `${name}.bpf.o`), { maps }));
    this.#objects = [shared, ...loaded];
    this.#fds = new Map(loaded.flatMap((object) => [...object.programs]));
    this.maps = typedMaps(bpf, kernel, maps, { policy });
    this.#ring = new RingBuffer(kernel, this.maps.events, entries.events);
  }

  run(program: ProgramName, packet: Uint8Array, context: SkbContext = {}, repeat = 1): RunResult {
    const fd = this.descriptor(program);
    // The kernel looks the context's device up in the namespace of the thread that asks.
    const result = this.#netns.run(() => this.bpf.testRun(fd, { data: packet, context: encodeSkb(context), repeat }));
    const verdict = verdicts.get(result.retval);
    if (!verdict) throw new Error(`${program} answered ${result.retval}`);
    const { duration } = result;
    return { verdict, packet: Buffer.from(result.data), mark: markOf(result.context), events: this.events(), duration };
  }

  /** What programs have told since the last call. */
  events(): Event[] {
    const events: Event[] = [];
    this.#ring.read((view, start) => events.push(event.decode(view, start)), Number.POSITIVE_INFINITY);
    return events;
  }

  descriptor(program: ProgramName): number {
    return this.#fds.get(program) as number;
  }

  close(): void {
    this.#ring.close();
    this.maps.policies.close();
    for (const object of this.#objects) object.close();
  }
}
