import { FlowHub } from '../../../flows/index.ts';
import { context } from '../../../flows/testing/records.ts';
import { Fault } from '../../../lib/fault.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import type { EndpointView } from '../view/endpoint-view.ts';
import type { NodeView } from '../view/node-view.ts';
import type { CountedEntryView, PolicyRuleView } from '../view/policy-view.ts';
import type { RuntimeConfig } from '../view/state-view.ts';
import { ruleJson } from '../words/rule-json.ts';

const entry = (over: Partial<CountedEntryView>): CountedEntryView => ({
  direction: 'ingress',
  identity: 0,
  protocol: 0,
  port: 0,
  portBits: 0,
  verdict: 'allow',
  rule: 'allow-localhost',
  packets: 0,
  bytes: 0,
  ...over,
});

/** Two pods, the host and one that is being made, with policy on one of them; changes are kept. */
export interface MadeUpView extends DatapathView {
  nodeList: NodeView[];
  readonly addresses: Map<string, string>;
  readonly changes: Partial<RuntimeConfig>[];
  /** What endpoints were asked to become: the name of the change, and what it was given. */
  readonly endpointCalls: unknown[][];
}

export function madeUpView(): MadeUpView {
  const labels = ['k8s:app=web', 'k8s:io.kubernetes.pod.namespace=shop'];
  const identities = [
    { id: 1, labels: ['reserved:host'] },
    { id: 2, labels: ['reserved:world'] },
    { id: 300, labels },
    { id: 301, labels: ['k8s:app=cart', 'k8s:io.kubernetes.pod.namespace=shop'] },
    { id: 16_777_216, labels: ['cidr:10.8.0.0/16', 'reserved:world'] },
  ];
  const open = { revision: 7, ingress: false, egress: false, audit: false, entries: () => [], counted: () => [] };
  const base = {
    state: 'ready',
    otherLabels: [],
    userLabels: [],
    namedPorts: [],
    policy: open,
    log: [],
    faults: [],
  } as const satisfies Partial<EndpointView>;
  const entries = [
    entry({ identity: 1 }),
    entry({
      identity: 301,
      protocol: 6,
      port: 8080,
      portBits: 16,
      rule: 'shop/web ingress[0].toPorts[0]',
      packets: 3,
      bytes: 180,
    }),
    entry({
      identity: 16_777_216,
      protocol: 6,
      port: 8000,
      portBits: 13,
      verdict: 'deny',
      rule: 'shop/web ingressDeny[0].toPorts[0]',
    }),
    entry({
      identity: 2,
      protocol: 6,
      port: 80,
      portBits: 16,
      verdict: 'redirect',
      proxyPort: 0,
      rule: 'shop/web ingress[1].toPorts[0]',
    }),
  ];
  const endpoints: EndpointView[] = [
    { ...base, id: 1, identity: 1, labels: ['reserved:host'] },
    {
      ...base,
      id: 17,
      containerId: 'c0ffee',
      containerInterface: 'eth0',
      pod: { namespace: 'shop', name: 'web-1' },
      identity: 300,
      labels,
      otherLabels: ['k8s:pod-template-hash=abc'],
      ipv4: '10.0.0.17',
      ipv6: 'fd00::11',
      mac: '02:00:00:00:00:11',
      hostMac: '02:00:00:00:00:12',
      hostInterface: { name: 'slu00000000011', index: 42 },
      namedPorts: [
        { name: 'http', port: 8080, protocol: 'TCP' },
        { name: 'sig', port: 1, protocol: 'SCTP' },
      ],
      policy: {
        revision: 7,
        ingress: true,
        egress: false,
        audit: false,
        entries: () => entries,
        counted: () => entries,
      },
      log: [
        { time: 1_700_000_000_000, state: 'waiting-for-identity', failed: false, message: 'made' },
        { time: 1_700_000_000_100, state: 'ready', failed: false, message: 'identity 300' },
      ],
    },
    {
      ...base,
      id: 18,
      pod: { namespace: 'shop', name: 'cart-1' },
      identity: 301,
      labels: identities[3]?.labels ?? [],
      ipv4: '10.0.0.18',
      faults: ['map policies: update: E2BIG'],
    },
    { ...base, id: 19, state: 'creating', labels: [] },
  ];
  let local: PolicyRuleView[] = [];
  let runtime: RuntimeConfig = {
    policyEnforcement: 'default',
    audit: false,
    traceEvents: true,
    verdictEvents: true,
    aggregationInterval: 5000,
    aggregationFlags: 7,
  };
  const addresses = new Map([
    ['10.0.0.17', 'shop/web-1'],
    ['fd00::11', 'shop/web-1'],
  ]);
  const changes: Partial<RuntimeConfig>[] = [];
  const endpointCalls: unknown[][] = [];
  const view: MadeUpView = {
    version: '0.0.0',
    cluster: 'default',
    node: 'node-1',
    addresses,
    changes,
    endpointCalls,
    nodeList: [
      {
        name: 'node-1',
        ipv4: '192.168.0.1',
        ipv6: 'fd01::1',
        ipv4Ranges: ['10.0.0.0/24'],
        ipv6Ranges: ['fd00::/64'],
        addresses: [
          { type: 'InternalIP', ip: '192.168.0.1' },
          { type: 'InternalIP', ip: 'fd01::1' },
          { type: 'ExternalIP', ip: '203.0.113.1' },
        ],
      },
      { name: 'node-2', ipv4: '192.168.0.2', ipv4Ranges: ['10.0.1.0/24'], ipv6Ranges: [], addresses: [] },
    ],
    endpoints: () => endpoints,
    endpoint: (id) => endpoints.find((endpoint) => endpoint.id === id),
    endpointChanges: {
      async create(request) {
        if (request.interfaceName === 'lxc17')
          throw new Fault('ENDPOINT_EXISTS', 'interface-name is lxc17: it is taken');
        if (request.mac === undefined) throw new Fault('ENDPOINT_INVALID', 'mac is missing');
        endpointCalls.push(['create', request]);
        return request.id || 20;
      },
      change: (...call) => void endpointCalls.push(['change', ...call]),
      remove(id) {
        if (id === 17)
          throw new Fault('ENDPOINT_INVALID', 'endpoint 17 is one of the CNI plugin', { hint: 'delete its pod' });
        endpointCalls.push(['remove', id]);
        return id === 19 ? ['its route is still there'] : [];
      },
      setUserLabels: (...call) => void endpointCalls.push(['labels', ...call]),
      setAudit: (...call) => void endpointCalls.push(['audit', ...call]),
    },
    identities: () => identities,
    identity: (id) => identities.find((identity) => identity.id === id),
    ipcache: () => [
      {
        prefix: '10.0.0.17/32',
        identity: 300,
        hostIp: '192.168.0.1',
        source: 'local',
        pod: { namespace: 'shop', name: 'web-1' },
      },
      { prefix: 'fd00::11/128', identity: 300, source: 'local' },
      { prefix: '10.8.0.0/16', identity: 16_777_216, source: 'policy' },
      { prefix: '0.0.0.0/0', identity: 2, source: 'policy' },
    ],
    policy: () => ({
      revision: 7,
      rules: [
        {
          kind: 'CiliumNetworkPolicy',
          namespace: 'shop',
          name: 'web',
          uid: 'u-1',
          rule: { endpointSelector: { matchLabels: { 'any:app': 'web' } }, ingress: [{}] },
        },
        { kind: 'NetworkPolicy', namespace: 'other', name: 'deny', rule: { endpointSelector: {}, ingress: [] } },
        ...local,
      ],
    }),
    localPolicies: {
      add(rules) {
        for (const { rule } of rules)
          local.push({ kind: 'LocalPolicy', name: `local-${local.length + 1}`, rule: ruleJson(rule) });
      },
      remove(names) {
        local = local.filter(({ name }) => !names.has(name));
      },
    },
    selectors: () => [{ selector: 'k8s:app=cart', identities: [301], users: 1 }],
    trace: ({ to, ports }) => {
      const port = ports[0];
      return [
        {
          direction: 'egress',
          verdict: 'allow',
          reason: 'egress of the sender is not enforced',
          ...(port === undefined ? {} : { port }),
        },
        to.includes('k8s:app=web')
          ? {
              direction: 'ingress',
              verdict: 'allow',
              rule: 'shop/web ingress[0].toPorts[0]',
              reason: 'identity 301',
              considered: ['other/deny: does not select it'],
              ...(port === undefined ? {} : { port }),
            }
          : {
              direction: 'ingress',
              verdict: 'deny',
              reason: 'no rule allows it',
              ...(port === undefined ? {} : { port }),
            },
      ];
    },
    nodes: () => view.nodeList,
    health: () => ({
      state: 'Ok',
      problems: [],
      kubernetes: { state: 'Ok', message: 'v1.34', apis: ['cilium/v2::CiliumNetworkPolicy'] },
      hostFirewall: true,
      devices: ['eth0'],
      routing: 'direct',
      hostRouting: 'BPF',
      chaining: 'none',
      monitor: { cpus: 2, pages: 64, pageSize: 4096, lost: 1, unknown: 0 },
      controllers: [
        {
          name: 'map endpoints',
          successes: 3,
          failures: 1,
          consecutiveFailures: 0,
          lastSuccess: 1_700_000_000_000,
          lastFailure: 1_600_000_000_000,
          lastError: 'E2BIG',
        },
      ],
    }),
    config: () => ({
      runtime,
      fixed: { deviceMtu: 1500, routeMtu: 1450, ipamMode: 'kubernetes', flags: { 'host-firewall': 'true' } },
    }),
    async configure(change) {
      changes.push(change);
      runtime = { ...runtime, ...change };
    },
    ipam: {
      mode: 'kubernetes',
      families: ['ipv4'],
      ipv4Ranges: ['10.0.0.0/24'],
      ipv6Ranges: [],
      capacity: { ipv4: 254n, ipv6: 0n },
      allocations: () => addresses,
      async allocate(owner, families, expiring) {
        if (owner === 'greedy') throw new Fault('IPAM_EXHAUSTED', 'no address left', { hint: 'add a Pod CIDR' });
        addresses.set('10.0.0.20', owner);
        return {
          ...(families.includes('ipv4') ? { ipv4: '10.0.0.20' } : {}),
          ...(expiring ? { expirationId: 'ad1b2c30-0000-4000-8000-000000000001' } : {}),
        };
      },
      claim(address, owner) {
        if (addresses.has(address)) throw new Fault('IPAM_IN_USE', `${address} is in use`);
        addresses.set(address, owner);
      },
      release(address) {
        if (address === '10.0.0.17') throw new Fault('IPAM_IN_USE', 'an endpoint has it');
        return addresses.delete(address);
      },
    },
    maps: () => [
      {
        name: 'endpoints',
        path: '/sys/fs/bpf/sluice/endpoints',
        maxEntries: 4096,
        errors: 1,
        desired: true,
        entries: () => [
          { key: 42, value: { id: 17, mac: new Uint8Array([2, 0]), address4: { bytes: new Uint8Array([1]) } } },
          { key: 43, value: { id: 18 }, pending: 'insert', error: 'E2BIG' },
        ],
      },
      {
        name: 'conntrack4',
        path: '/sys/fs/bpf/sluice/conntrack4',
        maxEntries: 524_288,
        errors: 0,
        desired: false,
        entries: () => Array.from({ length: 1200 }, (_, i) => ({ key: i, value: [i] })),
      },
    ],
    flows: new FlowHub(context),
    metrics: async () =>
      '# HELP a b\nsluice_x{reason="no \\"way\\"",d="in"} 3\nsluice_y 1.5e3 1700000000000\nsluice_z NaN\n',
  };
  return view;
}
