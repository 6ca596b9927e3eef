import { mkdtempSync } from 'node:fs';
import fc from 'fast-check';
import { type CiliumNetworkPolicy, parseObject } from '../../../api/index.ts';
import {
  type Bpf,
  type DatapathMaps,
  type Kernel,
  openBpf,
  openKernel,
  openMaps,
  removePins,
  type Stage,
} from '../../../datapath/index.ts';
import { Pins } from '../../../datapath/maps/pins.ts';
import { Direction, EndpointFlag, PolicyVerdict } from '../../../gen/abi.ts';
import type { Endpoint } from '../../../network/endpoint/index.ts';
import { PolicyEngine, type SubjectPolicy } from '../../../network/policy/index.ts';
import { Ipcache } from '../../../network/routing/index.ts';
import { cidrNumbers } from '../cidr-numbers.ts';
import { KernelState } from '../kernel-state.ts';

export const smallSizes = {
  ...{ endpoints: 64, local_addresses: 64, ipcache4: 64, ipcache6: 64, policies: 32, policy: 64 },
  ...{ conntrack4: 64, conntrack6: 64, fragments4: 64, fragments6: 64, events: 4096 },
};

export function policy(app: number, group: number, deny = false): CiliumNetworkPolicy {
  const rule = { fromEndpoints: [{ matchLabels: { group: `${group}` } }] };
  const { object } = parseObject({
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumNetworkPolicy',
    metadata: { name: `app-${app}`, namespace: 'default' },
    spec: {
      endpointSelector: { matchLabels: { app: `${app}` } },
      ...(deny ? { ingressDeny: [rule] } : { ingress: [rule, { fromCIDR: [`192.0.${group}.0/24`] }] }),
    },
  });
  return object as CiliumNetworkPolicy;
}

export const endpoint = (number: number, app: number, identity?: number): Endpoint => ({
  ...{
    id: number,
    containerId: `c${number}`,
    ifname: 'eth0',
    netns: '',
    hostInterface: `slu${number}`,
    chained: false,
  },
  hostIfindex: 1000 + number,
  addresses: { ipv4: `10.1.0.${number}`, ipv6: `fd00::${number}` },
  macs: { pod: '02:00:00:00:00:01', host: '02:00:00:00:00:02' },
  pod: { namespace: 'default', name: `pod-${number}`, uid: '' },
  labels: [`k8s:app=${app}`, 'k8s:io.kubernetes.pod.namespace=default'],
  ...(identity === undefined ? {} : { identity }),
  ...{ namedPorts: [], state: 'ready', created: 0 },
});

/** All that a process is told: what there would be to say to the next one. */
export class Told {
  readonly endpoints = new Map<number, Endpoint>();
  readonly policies = new Map<number, CiliumNetworkPolicy>();
  addresses: readonly string[] = ['192.0.2.1'];
}

/** A process's part: what it is told, and what it tells the maps. */
export class World {
  readonly told: Told;
  readonly engine = new PolicyEngine({ cluster: 'default', enforcement: 'default', allowLocalhost: true });
  readonly ipcache = new Ipcache();
  readonly state: KernelState;
  /** Told before and after addresses become other identities in steps. */
  onSplit: () => void = () => {};
  readonly #subjects = new Map<number, SubjectPolicy>();

  /** Takes over what the maps hold, as a process that starts. */
  constructor(maps: DatapathMaps, told = new Told(), further: readonly Stage[] = []) {
    this.told = told;
    const { engine, ipcache } = this;
    this.state = new KernelState({
      ...{ maps, engine, ipcache, audit: false, proxyPort: 0, further },
      aroundSplit: () => this.onSplit(),
    });
    for (let i = 0; i < 6; i++)
      this.engine.setIdentity({
        id: 300 + i,
        labels: [`k8s:group=${i % 3}`, 'k8s:io.kubernetes.pod.namespace=default', `k8s:member=${i}`],
      });
    this.state.setHostAddresses(told.addresses);
    for (const one of told.policies.values()) engine.setPolicy(one);
    for (const one of told.endpoints.values()) this.#place(one);
    engine.cidrs.restore(cidrNumbers(maps));
    this.state.apply();
    engine.cidrs.forget();
  }

  set(one: Endpoint): void {
    this.told.endpoints.set(one.hostIfindex, one);
    const before = this.#subjects.get(one.hostIfindex);
    this.#place(one);
    this.state.apply();
    if (before !== undefined) this.engine.release(before);
  }
  remove(hostIfindex: number): void {
    this.told.endpoints.delete(hostIfindex);
    const before = this.#subjects.get(hostIfindex);
    if (before === undefined) return;
    this.#subjects.delete(hostIfindex);
    this.state.deleteEndpoint(hostIfindex);
    this.state.apply();
    this.engine.release(before);
  }
  /** Undefined: none for this app. */
  setPolicy(app: number, now: CiliumNetworkPolicy | undefined): void {
    const before = this.told.policies.get(app);
    if (now !== undefined) {
      this.told.policies.set(app, now);
      this.engine.setPolicy(now);
    } else if (before !== undefined) {
      this.told.policies.delete(app);
      const { kind, metadata } = before;
      this.engine.deletePolicy({ group: 'cilium.io', kind, namespace: 'default', name: metadata.name });
    }
    this.state.apply();
  }
  setAddresses(addresses: readonly string[]): void {
    this.told.addresses = addresses;
    this.state.setHostAddresses(addresses);
    this.state.apply();
  }
  /** Reads back and mends all. */
  check(): number {
    const walk = this.state.check();
    for (;;) {
      this.state.apply();
      const step = walk.next();
      if (step.done) return step.value;
    }
  }

  #place(one: Endpoint): void {
    const subject =
      one.identity === undefined ? this.engine.subject(['reserved:init'], []) : this.engine.subject(one.labels, []);
    this.#subjects.set(one.hostIfindex, subject);
    this.state.setEndpoint(one, subject);
  }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** What the maps say, without the numbers that each process chooses for itself. */
export function contents(maps: DatapathMaps, { engine, state }: World) {
  const spare = state.policies.spare();
  const nameOf = (identity: number) => (identity < 2 ** 24 ? `${identity}` : engine.identity(identity)?.labels.join());
  const policies = new Map<number, string[]>();
  for (const id of maps.policies.ids())
    policies.set(
      id,
      Array.from(maps.policies.get(id)!.entries(), ([key, { verdict }]) =>
        [key.prefixlen, nameOf(key.identity), key.direction, key.protocol, key.port, verdict].join(' '),
      ).sort(),
    );
  const prefixes = [maps.ipcache4, maps.ipcache6].map((map) =>
    Array.from(
      map.entries(),
      ([key, value]) => `${hex(key.address)}/${key.prefixlen} ${nameOf(value.identity)} ${value.flags}`,
    ).sort(),
  );
  const endpoints = Array.from(maps.endpoints.entries(), ([key, value]) => ({
    ...{ key, id: value.id, flags: value.flags, identity: value.identity, policy: policies.get(value.policyId) },
    addresses: [hex(value.address4.bytes), hex(value.address6.bytes)],
  })).sort((a, b) => a.key - b.key);
  const addresses = Array.from(
    maps.localAddresses.entries(),
    ([key, value]) => `${hex(key.bytes)} ${value.ifindex} ${value.flags}`,
  ).sort();
  const used = new Set(Array.from(maps.endpoints.entries(), ([, { policyId }]) => policyId));
  const unused = [...policies.keys()].filter((id) => !used.has(id) && !spare.includes(id));
  return { endpoints, prefixes, addresses, unused };
}

/** Entries that point at what is not there. */
export function dangling(maps: DatapathMaps): string[] {
  const policies = new Set(maps.policies.ids());
  const endpoints = new Map(maps.endpoints.entries());
  return [
    ...[...endpoints]
      .filter(([, { policyId }]) => !policies.has(policyId))
      .map(([key, { policyId }]) => `endpoint ${key}: policy ${policyId}`),
    ...[...maps.localAddresses.entries()]
      .filter(([, { ifindex, endpoint: id }]) => id !== 0 && !endpoints.has(ifindex))
      .map(([, { ifindex }]) => `address: endpoint ${ifindex}`),
  ];
}

/** Senders: identities of the world, and addresses of networks that its policies name. */
const senders = [300, 301, 302, '192.0.0.1', '192.0.1.1', '192.0.2.1'] as const;

/** Who reaches which endpoint, by what the maps say: `1001 300`. A slow and obvious evaluator. */
export function reached(maps: DatapathMaps): Set<string> {
  const found = new Set<string>();
  const prefixes = [...maps.ipcache4.entries()].sort(([a], [b]) => b.prefixlen - a.prefixlen);
  const identityOf = (address: string) => {
    const bits = (bytes: Iterable<number>) => [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    const own = bits(address.split('.').map(Number));
    return (
      prefixes.find(([{ address: network, prefixlen }]) => own.startsWith(bits(network).slice(0, prefixlen)))?.[1]
        .identity ?? 2
    );
  };
  for (const [ifindex, { flags, policyId }] of maps.endpoints.entries()) {
    const rules = [...(maps.policies.get(policyId)?.entries() ?? [])].filter(
      ([{ direction }]) => direction === Direction.ingress,
    );
    for (const sender of senders) {
      const identity = typeof sender === 'number' ? sender : identityOf(sender);
      const verdicts = rules.flatMap(([key, { verdict }]) =>
        key.identity === 0 || key.identity === identity ? verdict : [],
      );
      const isAllowed = verdicts.length > 0 && !verdicts.includes(PolicyVerdict.deny);
      if ((flags & EndpointFlag.ingressEnforced) === 0 || isAllowed) found.add(`${ifindex} ${sender}`);
    }
  }
  return found;
}

export type WorldStep =
  | {
      readonly do: 'endpoint';
      readonly number: number;
      readonly app: number;
      readonly known: boolean;
      readonly address: number;
    }
  | { readonly do: 'remove'; readonly number: number }
  | { readonly do: 'policy'; readonly app: number; readonly group: number; readonly deny: boolean }
  | { readonly do: 'open'; readonly app: number }
  | { readonly do: 'addresses'; readonly last: number }
  | { readonly do: 'restart' };

const number = fc.integer({ min: 1, max: 5 });
const app = fc.nat({ max: 2 });
/** Something that happens to a node; pods may have the same address, as one that comes may have it before the last one is gone. */
export const worldStep: fc.Arbitrary<WorldStep> = fc.oneof(
  fc.record({ do: fc.constant('endpoint' as const), number, app, known: fc.boolean(), address: number }),
  fc.record({ do: fc.constant('remove' as const), number }),
  fc.record({ do: fc.constant('policy' as const), app, group: fc.nat({ max: 2 }), deny: fc.boolean() }),
  fc.record({ do: fc.constant('open' as const), app }),
  fc.record({ do: fc.constant('addresses' as const), last: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ do: fc.constant('restart' as const) }),
);

/** Does it, or says that it is a restart: that is who has the maps. */
export function take(world: World, step: WorldStep): boolean {
  if (step.do === 'restart') return false;
  if (step.do === 'endpoint') {
    const one = endpoint(step.number, step.app, step.known ? 400 + step.app : undefined);
    world.set({ ...one, addresses: { ...one.addresses, ipv4: `10.1.0.${step.address}` } });
  } else if (step.do === 'remove') world.remove(1000 + step.number);
  else if (step.do === 'policy') world.setPolicy(step.app, policy(step.app, step.group, step.deny));
  else if (step.do === 'open') world.setPolicy(step.app, undefined);
  else world.setAddresses(['192.0.2.1', `192.0.2.${step.last}`, `10.1.0.${step.last}`]);
  return true;
}

/** The kernel, with a BPF file system to pin maps in. */
export async function openTestKernel(): Promise<{ kernel: Kernel; bpf: Bpf }> {
  const [kernel, bpf] = [await openKernel(), await openBpf()];
  new Pins(bpf, kernel, '/sys/fs/bpf');
  return { kernel, bpf };
}

/** Maps in the kernel for one test. */
export class TestMaps implements Disposable {
  readonly #directories: string[] = [];
  readonly #opened: DatapathMaps[] = [];

  /** @param directory of maps that are there already: as the next process finds them */
  open(bpf: Bpf, kernel: Kernel, sizes: object = {}, directory?: string): DatapathMaps {
    const where = directory ?? mkdtempSync(`/sys/fs/bpf/sluice-test-${process.pid}-`);
    if (directory === undefined) this.#directories.push(where);
    const maps = openMaps(bpf, kernel, { directory: where, sizes: { ...smallSizes, ...sizes } });
    this.#opened.push(maps);
    return maps;
  }

  [Symbol.dispose](): void {
    for (const maps of this.#opened.splice(0)) maps.close();
    for (const directory of this.#directories.splice(0)) removePins(directory);
  }
}

/** What a process that finds nothing would have made of it. */
export function rebuilt(maps: TestMaps, bpf: Bpf, kernel: Kernel, told: Told) {
  const fresh = maps.open(bpf, kernel);
  return contents(fresh, new World(fresh, told));
}
