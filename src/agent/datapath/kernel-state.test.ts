import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import fc from 'fast-check';
import { type CiliumNetworkPolicy, parseObject } from '../../api/index.ts';
import {
  type Bpf,
  type DatapathMaps,
  type Kernel,
  openBpf,
  openKernel,
  openMaps,
  removePins,
} from '../../datapath/index.ts';
import { Pins } from '../../datapath/maps/pins.ts';
import { EndpointFlag } from '../../gen/abi.ts';
import type { Endpoint } from '../../network/endpoint/index.ts';
import { PolicyEngine, type SubjectPolicy } from '../../network/policy/index.ts';
import { Ipcache } from '../../network/routing/index.ts';
import { KernelState } from './kernel-state.ts';

const sizes = {
  ...{ endpoints: 64, local_addresses: 64, ipcache4: 64, ipcache6: 64, policies: 32, policy: 64 },
  ...{ conntrack4: 64, conntrack6: 64, fragments4: 64, fragments6: 64, events: 4096 },
};

function policy(app: number, group: number, deny = false): CiliumNetworkPolicy {
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

const endpoint = (number: number, app: number, identity?: number): Endpoint => ({
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

/** A process's part: what it is told, and what it tells the maps. */
class World {
  readonly engine = new PolicyEngine({ cluster: 'default', enforcement: 'default', allowLocalhost: true });
  readonly ipcache = new Ipcache();
  readonly state: KernelState;
  readonly subjects = new Map<number, SubjectPolicy>();

  constructor(maps: DatapathMaps) {
    this.state = new KernelState({ maps, engine: this.engine, ipcache: this.ipcache, audit: false, proxyPort: 0 });
    for (let i = 0; i < 6; i++)
      this.engine.setIdentity({
        id: 300 + i,
        labels: [`k8s:group=${i % 3}`, 'k8s:io.kubernetes.pod.namespace=default', `k8s:member=${i}`],
      });
  }
  set(one: Endpoint): void {
    const before = this.subjects.get(one.hostIfindex);
    const subject =
      one.identity === undefined ? this.engine.subject(['reserved:init'], []) : this.engine.subject(one.labels, []);
    this.subjects.set(one.hostIfindex, subject);
    this.state.setEndpoint(one, subject);
    this.state.apply();
    if (before !== undefined) this.engine.release(before);
  }
  remove(hostIfindex: number): void {
    const before = this.subjects.get(hostIfindex);
    if (before === undefined) return;
    this.subjects.delete(hostIfindex);
    this.state.deleteEndpoint(hostIfindex);
    this.state.apply();
    this.engine.release(before);
  }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** What the maps say, without the numbers that each process chooses for itself. */
function contents(maps: DatapathMaps, engine: PolicyEngine, spare: readonly number[] = []) {
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

const step = fc.oneof(
  fc.record({
    do: fc.constant('endpoint' as const),
    number: fc.integer({ min: 1, max: 5 }),
    app: fc.nat({ max: 2 }),
    known: fc.boolean(),
  }),
  fc.record({ do: fc.constant('remove' as const), number: fc.integer({ min: 1, max: 5 }) }),
  fc.record({
    do: fc.constant('policy' as const),
    app: fc.nat({ max: 2 }),
    group: fc.nat({ max: 2 }),
    deny: fc.boolean(),
  }),
  fc.record({ do: fc.constant('open' as const), app: fc.nat({ max: 2 }) }),
  fc.record({ do: fc.constant('restart' as const) }),
);

describe('what the kernel is told', () => {
  let bpf: Bpf;
  let kernel: Kernel;
  const directories: string[] = [];
  const opened: DatapathMaps[] = [];

  before(async () => {
    [kernel, bpf] = [await openKernel(), await openBpf()];
    new Pins(bpf, kernel, '/sys/fs/bpf');
  });
  const fresh = () => {
    const directory = mkdtempSync(`/sys/fs/bpf/sluice-test-${process.pid}-`);
    directories.push(directory);
    const maps = openMaps(bpf, kernel, { directory, sizes });
    opened.push(maps);
    return maps;
  };
  const clear = () => {
    for (const maps of opened.splice(0)) maps.close();
    for (const directory of directories.splice(0)) removePins(directory);
  };
  afterEach(clear);

  it('is the same whichever way it came about, and after a restart, with nothing left over', () => {
    fc.assert(
      fc
        .property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
          const maps = fresh();
          let world = new World(maps);
          world.state.setHostAddresses(['192.0.2.1']);
          world.state.apply();
          const placed = new Map<number, Endpoint>();
          const rules = new Map<number, CiliumNetworkPolicy>();
          const rebuild = (into: DatapathMaps) => {
            const made = new World(into);
            made.state.setHostAddresses(['192.0.2.1']);
            for (const rule of rules.values()) made.engine.setPolicy(rule);
            for (const one of placed.values()) {
              const subject =
                one.identity === undefined
                  ? made.engine.subject(['reserved:init'], [])
                  : made.engine.subject(one.labels, []);
              made.subjects.set(one.hostIfindex, subject);
              made.state.setEndpoint(one, subject);
            }
            made.state.apply();
            return made;
          };
          for (const one of steps) {
            if (one.do === 'endpoint') {
              const made = endpoint(one.number, one.app, one.known ? 400 + one.app : undefined);
              placed.set(one.number, made);
              world.set(made);
            } else if (one.do === 'remove') {
              placed.delete(one.number);
              world.remove(1000 + one.number);
            } else if (one.do === 'policy') {
              rules.set(one.app, policy(one.app, one.group, one.deny));
              world.engine.setPolicy(rules.get(one.app)!);
              world.state.apply();
            } else if (one.do === 'open') {
              const gone = rules.get(one.app);
              rules.delete(one.app);
              if (gone !== undefined)
                world.engine.deletePolicy({
                  group: 'cilium.io',
                  kind: gone.kind,
                  namespace: 'default',
                  name: gone.metadata.name,
                });
              world.state.apply();
            } else world = rebuild(maps);
          }
          // Networks of a subject that was released go with the next turn.
          world.state.apply();
          assert.deepEqual(world.state.faults(), []);
          const found = contents(maps, world.engine, world.state.policies.spare());
          assert.deepEqual(found.unused, []);
          const other = fresh();
          assert.deepEqual(found, contents(other, rebuild(other).engine));
        })
        .afterEach(clear),
      { numRuns: 25 },
    );
  });

  it('never has a generation again that a connection may have been allowed under, over a restart too', () => {
    const maps = fresh();
    const seen = new Set<number>();
    const look = () => {
      const { policyGeneration } = maps.endpoints.get(1001)!;
      assert.ok(!seen.has(policyGeneration), `generation ${policyGeneration} came twice`);
      seen.add(policyGeneration);
    };
    for (let process = 0; process < 3; process++) {
      const world = new World(maps);
      world.set(endpoint(1, 0, 400));
      look();
      for (const group of [0, 1, 2]) {
        world.engine.setPolicy(policy(0, group));
        world.state.apply();
        look();
      }
      world.set(endpoint(1, 1, 401));
      look();
    }
  });

  it('encloses an endpoint that nobody knows yet in both directions', () => {
    const maps = fresh();
    new World(maps).set(endpoint(1, 0));
    const { identity, flags } = maps.endpoints.get(1001)!;
    assert.equal(identity, 5);
    assert.equal(flags, EndpointFlag.ingressEnforced | EndpointFlag.egressEnforced);
  });

  it('keeps what a full map has no room for as a fault, and brings it in once there is room', () => {
    const maps = fresh();
    const world = new World(maps);
    for (let number = 1; number <= 40; number++) world.set(endpoint(number, 0, 400));
    const [fault] = world.state.faults();
    assert.equal(fault?.code, 'MAP_E2BIG');
    assert.match(fault?.hint ?? '', /--map-size=local_addresses=N/);
    assert.equal([...maps.endpoints.entries()].length, 40);
    for (let number = 1; number <= 20; number++) world.remove(1000 + number);
    assert.deepEqual(world.state.faults(), []);
    assert.equal([...maps.localAddresses.entries()].length, 40);
  });
});
