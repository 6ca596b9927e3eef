import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseObject } from '../../../api/index.ts';
import {
  type DatapathMaps,
  MapReconciler,
  openBpf,
  openKernel,
  openMaps,
  removePins,
} from '../../../datapath/index.ts';
import { Pins } from '../../../datapath/maps/pins.ts';
import { flowFilter } from '../../../flows/index.ts';
import { addressBytes, record } from '../../../flows/testing/records.ts';
import { EventType, PolicyVerdict } from '../../../gen/abi.ts';
import { Fault } from '../../../lib/fault.ts';
import { createLog } from '../../../lib/log.ts';
import { createTables } from '../../../mesh/inputs.ts';
import type { Endpoint } from '../../../network/endpoint/index.ts';
import { PolicyEngine, type SubjectPolicy } from '../../../network/policy/index.ts';
import { CLUSTER, cnp, networkPolicy, pod, selector, traffic } from '../../../network/policy/testing/objects.ts';
import { Store } from '../../../store/index.ts';
import { AddressLoans } from '../../ipam/address-loans.ts';
import { AgentIpam } from '../../ipam/agent-ipam.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import type { NodeSources } from './node-sources.ts';
import { nodeView } from './node-view.ts';

const log = createLog({ level: 'silent', format: 'text' });
const web = pod('shop', { app: 'web' });
const cart = pod('shop', { app: 'cart' });

const policy = cnp('shop', 'web', {
  subject: { kind: 'endpoints', selector: selector('app=web') },
  ingress: [
    traffic({
      peers: { kind: 'endpoints', selectors: [selector('app=cart')] },
      toPorts: [{ ports: [{ port: 80, protocol: 'TCP' }], serverNames: [] }],
    }),
  ],
});

function endpoint(id: number, over: Partial<Endpoint> = {}): Endpoint {
  return {
    id,
    containerId: `c${id}`,
    ifname: 'eth0',
    netns: '/run/netns/x',
    hostInterface: `slu${id}`,
    hostIfindex: 1000 + id,
    addresses: { ipv4: `10.0.0.${id}` },
    macs: { pod: '02:00:00:00:00:01', host: '02:00:00:00:00:02' },
    pod: { namespace: 'shop', name: `pod-${id}`, uid: '' },
    chained: false,
    labels: web,
    identity: 300,
    namedPorts: [],
    state: 'ready',
    created: 0,
    ...over,
  };
}

describe('the API’s view of a node', () => {
  let directory: string;
  let maps: DatapathMaps;
  let view: DatapathView;
  let subject: SubjectPolicy;
  let ipam: AgentIpam;

  before(async () => {
    const [kernel, bpf] = [await openKernel(), await openBpf()];
    new Pins(bpf, kernel, '/sys/fs/bpf');
    directory = mkdtempSync(`/sys/fs/bpf/sluice-test-${process.pid}-`);
    const small = { ipcache4: 64, ipcache6: 64, conntrack4: 64, conntrack6: 64, fragments4: 64, fragments6: 64 };
    maps = openMaps(bpf, kernel, {
      directory,
      sizes: { ...small, events: 4096, endpoints: 1, policies: 4, policy: 16 },
    });

    const engine = new PolicyEngine({ cluster: CLUSTER, enforcement: 'default', allowLocalhost: false });
    engine.setIdentity({ id: 300, labels: web });
    engine.setIdentity({ id: 301, labels: cart });
    engine.setPolicy(policy);
    subject = engine.subject(web, []);
    const { revision } = engine.flush();
    const store = new Store();
    const tables = createTables(store);
    tables.CiliumNetworkPolicy.set('shop/web', policy);
    const np = networkPolicy('other', 'none', {});
    tables.NetworkPolicy.set('other/none', np);
    const db = parseObject({
      ...{ apiVersion: 'cilium.io/v2', kind: 'CiliumEndpoint', metadata: { name: 'db-0', namespace: 'shop' } },
      status: { id: 4, identity: { id: 301 }, networking: { addressing: [{ ipv4: '10.0.2.5' }], node: '192.168.0.3' } },
    }).object;
    assert.ok(db?.kind === 'CiliumEndpoint');
    tables.CiliumEndpoint.set('shop/db-0', db);
    store.flush();

    const [entry] = [...subject.entries()];
    assert.ok(entry);
    maps.policies.create(7, (map) => {
      const key = { prefixlen: 64, identity: 301, direction: 0, protocol: 6, port: 80 };
      const value = { verdict: PolicyVerdict.allow, prefixlen: 64, proxyPort: 0, rule: entry.rule.number };
      map.set(key, { ...value, packets: 5n, bytes: 300n });
    });
    const reconciler = new MapReconciler(maps.endpoints);
    const value = {
      ...{ id: 17, flags: 0, identity: 300, policyId: 7, policyGeneration: 1, ifindex: 1017 },
      ...{ mac: new Uint8Array([2, 0, 0, 0, 0, 1]), gatewayMac: new Uint8Array(6) },
      ...{ address4: addressBytes('10.0.0.17'), address6: { bytes: new Uint8Array(16) } },
    };
    reconciler.upsert([
      [1017, value],
      [1018, { ...value, id: 18 }],
    ]);
    const managed = [
      { endpoint: endpoint(18, { labels: [], state: 'waiting-for-identity' }), subject, otherLabels: [], log: [] },
      { endpoint: endpoint(17), subject, otherLabels: ['k8s:x=y'], log: [] },
    ].map((one) => {
      const { identity: _, ...unknown } = one.endpoint;
      return one.endpoint.id === 18 ? { ...one, endpoint: unknown } : one;
    });
    const prefixes = [
      { prefix: '10.0.0.17/32', identity: 300, source: 'local', pod: { namespace: 'shop', name: 'pod-17' } },
      {
        prefix: '10.0.1.5/32',
        identity: 301,
        source: 'endpoint',
        tunnelEndpoint: '192.168.0.2',
        pod: { namespace: 'shop', name: 'cart-0' },
      },
      { prefix: '10.0.2.5/32', identity: 301, source: 'endpoint', pod: { namespace: 'shop', name: 'db-0' } },
    ] as const;
    ipam = new AgentIpam({
      ...{ mode: 'kubernetes', families: [4], log, bootId: 'boot' },
      path: join(mkdtempSync(join(tmpdir(), 'sluice-view-')), 'ipam.jsonl'),
    });
    ipam.setPodCidrs({ podCidrs: ['10.0.0.0/24'] });
    ipam.claim('10.0.0.17', 'c17/eth0', { description: 'shop/pod-17' });
    const sources: NodeSources = {
      ...{ version: '1', cluster: 'default', node: 'n1', tables, engine, maps, routing: 'vxlan' },
      trace: () => [],
      localPolicies: { list: () => [], add: () => {}, remove: () => {} },
      endpointChanges: {
        create: async () => 0,
        change: () => {},
        remove: () => [],
        setUserLabels: () => {},
        setAudit: () => {},
      },
      endpoints: { values: () => managed, byId: (id) => managed.find((one) => one.endpoint.id === id) },
      ipcache: { values: () => prefixes, get: (prefix) => prefixes.find((one) => one.prefix === prefix) },
      nodes: () => [
        {
          name: 'n1',
          isLocal: true,
          addresses: ['192.168.0.1'],
          ipv4: '192.168.0.1',
          podCidrs: ['10.0.0.0/24', 'fd00::/64'],
        },
      ],
      reconcilers: () => [reconciler],
      policyMap: (index) => (index === 1017 ? 7 : undefined),
      policyRevision: () => revision,
      ...{ ipam, loans: new AddressLoans({ ipam, log }) },
      interfaceName(index) {
        if (index === 1018) throw new Fault('NETLINK_EBUSY', 'read interface 1018');
        return index === 1017 ? 'slu17' : undefined;
      },
      health: () => ({
        kubernetes: { state: 'Ok', message: '', apis: [] },
        ...{
          hostFirewall: false,
          devices: ['eth0'],
          hostRouting: 'BPF',
          chaining: 'none',
          problems: [],
          controllers: [],
        },
      }),
      config: () => ({
        runtime: {
          policyEnforcement: 'default',
          audit: true,
          traceEvents: true,
          verdictEvents: true,
          aggregationInterval: 5000,
          aggregationFlags: 7,
        },
        fixed: { deviceMtu: 1500, routeMtu: 1450, ipamMode: 'kubernetes', flags: {} },
      }),
      configure: async () => {},
      metrics: async () => '',
    };
    view = nodeView(sources);
  });
  after(() => {
    ipam?.close();
    maps?.close();
    if (directory !== undefined) removePins(directory);
  });

  it('has endpoints by id, with the entries of their map as the kernel has counted them', () => {
    const [known, waiting] = [...view.endpoints()];
    assert.deepEqual([known?.id, waiting?.id], [17, 18]);
    assert.deepEqual([known?.policy.ingress, known?.policy.egress, known?.policy.audit], [true, false, true]);
    assert.deepEqual(
      [...(known?.policy.counted() ?? [])],
      [
        // Nothing is enforced on the way out: one entry lets all through.
        {
          ...{ direction: 'egress', identity: 0, protocol: 0, port: 0, portBits: 0, verdict: 'allow' },
          rule: 'not-enforced',
          packets: 0,
          bytes: 0,
        },
        {
          ...{ direction: 'ingress', identity: 301, protocol: 6, port: 80, portBits: 16, verdict: 'allow' },
          rule: 'shop/web ingress[0].toPorts[0]',
          packets: 5,
          bytes: 300,
        },
      ],
    );
    assert.deepEqual(
      [...(known?.policy.entries() ?? [])].map(({ rule }) => rule),
      ['not-enforced', 'shop/web ingress[0].toPorts[0]'],
    );
    assert.deepEqual(known?.faults, []);
    assert.equal(view.endpoint(17)?.pod?.name, 'pod-17');
  });

  it('says that who has no identity is enforced, and that a policy in no map lets nothing through', () => {
    const waiting = view.endpoint(18);
    assert.equal(waiting?.identity, undefined);
    assert.equal(waiting?.policy.egress, true);
    assert.equal(waiting?.faults.length, 1);
    assert.equal([...(waiting?.policy.counted() ?? [])][0]?.packets, 0);
    assert.equal(view.endpoint(19), undefined);
  });

  it('has addresses, with the node that they are behind', () => {
    assert.deepEqual(
      [...view.ipcache()].map(({ prefix, hostIp, source }) => [prefix, hostIp, source]),
      [
        ['10.0.0.17/32', '192.168.0.1', 'local'],
        ['10.0.1.5/32', '192.168.0.2', 'custom-resource'],
        ['10.0.2.5/32', '192.168.0.3', 'custom-resource'],
      ],
    );
  });

  it('has the rules of all kinds of policies', () => {
    const { rules } = view.policy();
    assert.deepEqual(
      rules.map(({ kind, namespace, name }) => [kind, namespace, name]),
      [
        ['CiliumNetworkPolicy', 'shop', 'web'],
        ['NetworkPolicy', 'other', 'none'],
      ],
    );
    assert.deepEqual(rules[0]?.rule.ingress, [
      {
        fromEndpoints: [{ matchLabels: { 'any:app': 'cart' } }],
        toPorts: [{ ports: [{ port: '80', protocol: 'TCP' }] }],
      },
    ]);
  });

  it('has maps with what they hold, and what was refused', () => {
    const all = [...view.maps()];
    const byName = (name: string) => all.find((map) => map.name === name);
    assert.deepEqual([...(byName('policies')?.entries() ?? [])], [{ key: 7, value: 'policy_7' }]);
    assert.equal([...(byName('policy_7')?.entries() ?? [])].length, 1);
    const endpoints = byName('endpoints');
    assert.equal(endpoints?.errors, 1);
    const [held, refused] = [...(endpoints?.entries() ?? [])];
    const { address4, mac } = (held?.value ?? {}) as Record<string, unknown>;
    assert.deepEqual([address4, mac], ['10.0.0.17', '02:00:00:00:00:01']);
    assert.equal(refused?.pending, 'insert');
    assert.match(refused?.error ?? '', /map endpoints: update: E2BIG/);
    assert.equal(byName('conntrack4')?.desired, false);
    assert.equal(view.health().state, 'Warning');
    assert.equal(view.health().monitor.pages, 1);
  });

  it('names what events number', () => {
    view.flows.receive(
      record({
        type: EventType.drop,
        verdict: 2,
        reason: 133,
        rule: 0,
        endpoint: 17,
        ifindex: 1017,
        destination: addressBytes('10.0.1.5'),
      }),
    );
    const filter = flowFilter({});
    assert.ok(typeof filter !== 'string');
    const [flow] = view.flows.last(1, filter);
    assert.deepEqual([flow?.source.endpoint, flow?.source.labels], [17, web]);
    assert.deepEqual([flow?.destination.pod?.name, flow?.destination.endpoint], ['cart-0', undefined]);
    assert.equal(flow?.interface, 'slu17');
    assert.deepEqual(flow?.policy.defaultDenyBy, ['shop/web ingress']);
  });

  it('tells of an event whose device cannot be asked about', () => {
    view.flows.receive(record({ ifindex: 1018 }));
    const filter = flowFilter({ type: ['policy-verdict'] });
    assert.ok(typeof filter !== 'string');
    const [flow] = view.flows.last(1, filter);
    assert.equal(flow?.interface, undefined);
    assert.equal(flow?.source.identity, 300);
  });

  it('lends addresses to who asks, and takes back only these', async () => {
    const { ipam } = view;
    const first = await ipam.allocate('tool', ['ipv4'], false);
    const second = await ipam.allocate('tool', ['ipv4'], false);
    assert.notEqual(first.ipv4, second.ipv4);
    ipam.claim('10.0.0.50', 'tool');
    assert.equal(ipam.release(first.ipv4 ?? ''), true);
    assert.equal(ipam.release('tool'), true);
    assert.deepEqual([...ipam.allocations()], [['10.0.0.17', 'shop/pod-17']]);
    assert.equal(ipam.release('tool'), false);
    assert.throws(() => ipam.release('10.0.0.17'), { code: 'IPAM_IN_USE' });
    assert.deepEqual(ipam.capacity, { ipv4: 254n, ipv6: 0n });
    assert.deepEqual([...ipam.families], ['ipv4']);
  });
});
