import {
  address,
  config,
  conntrack4Key,
  conntrack6Key,
  conntrackEntry,
  endpoint,
  helperErrorKey,
  ipcache4Key,
  ipcache6Key,
  ipcacheEntry,
  localAddress,
  type Metric,
  metric,
} from '../../gen/abi.ts';
import { u32, u64 } from '../../lib/layout.ts';
import type { Bpf } from '../sys/bpf-calls.ts';
import type { Kernel } from '../sys/kernel-calls.ts';
import { PerCpuMap } from './per-cpu-map.ts';
import { PolicyMaps } from './policy-maps.ts';
import { TypedMap } from './typed-map.ts';

/** Names of the maps of bpf/abi/maps.h that `--map-size` may be about, with what they hold. */
export const mapContents = {
  endpoints: 'endpoints of this node',
  local_addresses: 'addresses of this node and its endpoints',
  ipcache4: 'IPv4 prefixes with an identity',
  ipcache6: 'IPv6 prefixes with an identity',
  policies: 'different policies of endpoints',
  policy: 'entries of each policy',
  conntrack4: 'IPv4 connections',
  conntrack6: 'IPv6 connections',
  fragments4: 'fragmented IPv4 datagrams',
  fragments6: 'fragmented IPv6 datagrams',
  events: 'bytes of events not yet read (a power of two)',
} as const;

export type SizedMap = keyof typeof mapContents;
export type MapSizes = Readonly<Partial<Record<SizedMap, number>>>;

/** As bpf/abi/maps.h has it for a policy map, which this side makes. */
const defaultPolicySize = 16384;

/** All maps of the datapath, by their descriptors. @throws Fault MAP_LAYOUT */
export function typedMaps(bpf: Bpf, kernel: Kernel, fds: ReadonlyMap<string, number>, sizes: MapSizes) {
  const fd = (name: string) => fds.get(name) as number;
  const sumMetrics = (a: Metric, b: Metric): Metric => ({ packets: a.packets + b.packets, bytes: a.bytes + b.bytes });
  const sum = (a: bigint, b: bigint) => a + b;
  return {
    config: new TypedMap(bpf, 'config', fd('config'), u32, config),
    endpoints: new TypedMap(bpf, 'endpoints', fd('endpoints'), u32, endpoint),
    localAddresses: new TypedMap(bpf, 'local_addresses', fd('local_addresses'), address, localAddress),
    ipcache4: new TypedMap(bpf, 'ipcache4', fd('ipcache4'), ipcache4Key, ipcacheEntry),
    ipcache6: new TypedMap(bpf, 'ipcache6', fd('ipcache6'), ipcache6Key, ipcacheEntry),
    policies: new PolicyMaps(bpf, kernel, fd('policies'), sizes.policy ?? defaultPolicySize),
    conntrack4: new TypedMap(bpf, 'conntrack4', fd('conntrack4'), conntrack4Key, conntrackEntry),
    conntrack6: new TypedMap(bpf, 'conntrack6', fd('conntrack6'), conntrack6Key, conntrackEntry),
    /** `drop reason * 2 + direction` to what was dropped; reason 0: what was forwarded. */
    metrics: new PerCpuMap(bpf, 'metrics', fd('metrics'), u32, metric, sumMetrics),
    helperErrors: new PerCpuMap(bpf, 'helper_errors', fd('helper_errors'), helperErrorKey, u64, sum),
    /** `EventType` to the number of events that found no room. */
    lostEvents: new PerCpuMap(bpf, 'lost_events', fd('lost_events'), u32, u64, sum),
    /** Descriptor of the ring buffer. */
    events: fd('events'),
    /** Bytes of it. */
    eventsSize: bpf.mapInfo(fd('events')).maxEntries,
  };
}
