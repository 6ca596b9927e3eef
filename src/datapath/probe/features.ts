import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { Netlink } from '../netlink/netlink.ts';
import { hooks, objectOf } from '../programs/index.ts';
import { AttachType, type Bpf, MapFlag, MapType, ProgramType } from '../sys/bpf-calls.ts';
import { Errno } from '../sys/kernel-calls.ts';
import type { Answer, Feature, ProbeContext } from './feature.ts';

/** Numbers of `enum bpf_func_id` (include/uapi/linux/bpf.h): what the programs of bpf/ call. */
const helpers = {
  ...{ skb_store_bytes: 9, skb_get_tunnel_key: 20, skb_set_tunnel_key: 21, redirect: 23, skb_load_bytes: 26 },
  ...{ skb_change_type: 32, fib_lookup: 69, ringbuf_reserve: 131, ringbuf_query: 134, redirect_peer: 155 },
  ktime_get_coarse_ns: 160,
} as const;

const maps = {
  array: MapType.array,
  hash: MapType.hash,
  lru_hash: MapType.lruHash,
  lpm_trie: MapType.lpmTrie,
  hash_of_maps: MapType.hashOfMaps,
  percpu_array: MapType.perCpuArray,
  percpu_hash: MapType.perCpuHash,
  ringbuf: MapType.ringBuffer,
} as const;

const loopback = 1;
const bpffsMagic = 0xcafe4a11;
const jitSwitch = '/proc/sys/net/core/bpf_jit_enable';

const system: Feature[] = [
  {
    ...{
      name: 'load programs',
      group: 'system',
      needed: true,
      use: 'root, or CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON',
    },
    check: ({ bpf, kernel }) => {
      kernel.close(loadNothing(bpf));
      return true;
    },
  },
  {
    ...{
      name: 'BPF file system',
      group: 'system',
      needed: false,
      use: 'state outlives the agent; mounted if missing',
    },
    check: () => {
      const { type } = statfsSync('/sys/fs/bpf');
      return { support: type === bpffsMagic ? 'yes' : 'no', detail: '/sys/fs/bpf' };
    },
  },
  {
    ...{
      name: 'JIT compiler',
      group: 'system',
      needed: false,
      use: 'without it programs are interpreted: much slower',
    },
    check: () => {
      // Not in every network namespace, and not where the kernel has nothing but the JIT.
      if (!existsSync(jitSwitch)) return { support: 'unknown', detail: `${jitSwitch} is not here` };
      const value = readFileSync(jitSwitch, 'utf8').trim();
      return { support: value === '0' ? 'no' : 'yes', detail: `net.core.bpf_jit_enable=${value}` };
    },
  },
  {
    ...{ name: 'IPv6', group: 'system', needed: false, use: 'pods with IPv6 addresses' },
    check: () => ({ support: existsSync('/proc/sys/net/ipv6') ? 'yes' : 'no', detail: '/proc/sys/net/ipv6' }),
  },
];

const mapFeatures: Feature[] = [
  ...Object.entries(maps).map(
    ([name, type]): Feature => ({
      ...{ name, group: 'maps', needed: true, use: 'state of the datapath' },
      check: (context) => makesMap(context, type),
    }),
  ),
  {
    ...{ name: 'batches of hash', group: 'maps', needed: true, use: 'reading of connections' },
    check: (context) => readsBatches(context, MapType.hash),
  },
  {
    ...{ name: 'batches of lpm_trie', group: 'maps', needed: true, use: 'reading and writing of policies and ipcache' },
    check: (context) => readsBatches(context, MapType.lpmTrie),
  },
];

const helperFeatures: Feature[] = Object.entries(helpers).map(([name, id]) => ({
  ...{ name: `bpf_${name}`, group: 'helpers', needed: true, use: 'called by the programs' },
  check: ({ bpf, program }) =>
    program === undefined
      ? { support: 'unknown', detail: 'no program can be loaded' }
      : bpf.knowsHelper(ProgramType.schedCls, id),
}));

const attachment: Feature[] = [
  {
    ...{
      name: 'tcx links',
      group: 'attachment',
      needed: false,
      use: 'attachment; without them clsact filters (Linux < 6.6)',
    },
    check: ({ bpf, kernel, program }) => {
      if (program === undefined) return { support: 'unknown', detail: 'no program can be loaded' };
      kernel.close(bpf.createLink(program, loopback, AttachType.tcxIngress));
      return true;
    },
  },
  {
    ...{ name: 'clsact filters', group: 'attachment', needed: false, use: 'attachment where there are no tcx links' },
    check: ({ bpf, program }) => {
      if (program === undefined) return { support: 'unknown', detail: 'no program can be loaded' };
      bpf.attachFilter(loopback, 'ingress', program);
      return true;
    },
  },
];

const network: Feature[] = [
  {
    ...{ name: 'veth', group: 'network', needed: true, use: 'interfaces of pods' },
    check: ({ kernel }) =>
      withNetlink(kernel, ({ links }) => links.add({ name: 'probe0' }, { kind: 'veth', peer: {} })),
  },
  {
    ...{ name: 'vxlan', group: 'network', needed: false, use: '--tunnel=vxlan; direct routing needs none' },
    check: ({ kernel }) =>
      withNetlink(kernel, ({ links }) => links.add({ name: 'probe2' }, { kind: 'vxlan', port: 8472 })),
  },
];

const programs: Feature[] = hooks.map((hook) => ({
  ...{ name: hook, group: 'programs', needed: true, use: 'the verifier accepts it' },
  check: ({ bpf, objects }) => {
    const maxEntries = new Map([
      ...['ipcache4', 'ipcache6', 'conntrack4', 'conntrack6', 'fragments4', 'fragments6'].map(
        (map) => [map, 64] as const,
      ),
      ['events', 4096],
    ]);
    bpf.loadObject(join(objects, objectOf(hook)), { maxEntries }).close();
    return true;
  },
}));

/** All that the datapath uses, in the order in which it is printed. */
export const features: readonly Feature[] = [
  ...system,
  ...mapFeatures,
  ...helperFeatures,
  ...attachment,
  ...network,
  ...programs,
];

/** A program that lets everything through: `r0 = 0; exit`. */
export function loadNothing(bpf: Bpf): number {
  return bpf.loadInstructions(
    ProgramType.schedCls,
    Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0),
  );
}

/** By making one: libbpf's own probe takes a lack of permission for a no. */
function makesMap({ bpf, kernel }: ProbeContext, type: number): boolean {
  const inner =
    type === MapType.hashOfMaps
      ? bpf.createMap({ type: MapType.array, name: 'probe', keySize: 4, valueSize: 4, maxEntries: 1 })
      : undefined;
  try {
    const [keySize, valueSize] = type === MapType.ringBuffer ? [0, 0] : type === MapType.lpmTrie ? [8, 4] : [4, 4];
    const flags = type === MapType.lpmTrie ? MapFlag.noPrealloc : 0;
    const definition = { type, name: 'probe', keySize, valueSize, maxEntries: 4096, flags };
    kernel.close(bpf.createMap(inner === undefined ? definition : { ...definition, inner }));
    return true;
  } finally {
    if (inner !== undefined) kernel.close(inner);
  }
}

function readsBatches({ bpf, kernel }: ProbeContext, type: number): Answer {
  const flags = type === MapType.lpmTrie ? MapFlag.noPrealloc : 0;
  const map = bpf.createMap({ type, name: 'probe', keySize: 8, valueSize: 4, maxEntries: 8, flags });
  try {
    const { errno } = bpf.lookupBatch(map, new Uint8Array(8), true, new Uint8Array(64), new Uint8Array(32), 8);
    const { code } = new Errno('map batch', errno);
    return errno === 0 || code === 'ENOENT' ? { support: 'yes' } : { support: 'no', detail: code };
  } finally {
    kernel.close(map);
  }
}

function withNetlink(kernel: ProbeContext['kernel'], work: (netlink: Netlink) => unknown): boolean {
  const netlink = new Netlink(kernel);
  try {
    work(netlink);
    return true;
  } finally {
    netlink.close();
  }
}
