import assert from 'node:assert/strict';
import { type Diagnostic, parseObject, refKey } from '../api/index.ts';
import { createTables, setObject } from '../mesh/inputs.ts';
import type { ObjectStatus } from '../mesh/model/index.ts';
import { type Collection, Store } from '../store/index.ts';
import { derivePolicyStatuses } from './policy-statuses.ts';
import { setDiagnostics } from './source-diagnostics.ts';
import { statusPatch } from './status-merge.ts';

const policy = {
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumNetworkPolicy',
  metadata: { name: 'p', namespace: 'shop' },
  spec: { endpointSelector: {}, ingress: [{}] as object[] },
};
const wrong = { ...policy, spec: { ...policy.spec, ingress: [{ fromEndpoints: [{}], fromCIDR: ['10.0.0.0/8'] }] } };
const doubtful = { ...policy, spec: { ...policy.spec, ingress: [{ fromEndpoints: [] }] } };
const key = refKey({ group: 'cilium.io', kind: 'CiliumNetworkPolicy', namespace: 'shop', name: 'p' });

class Rig {
  readonly store = new Store({ schedule: () => {} });
  readonly tables = createTables(this.store);
  readonly unreadable = this.store.table<readonly Diagnostic[]>('unreadable');
  readonly statuses: readonly Collection<ObjectStatus>[] = derivePolicyStatuses(
    this.store,
    this.tables,
    this.unreadable,
  );

  /** As a source does: what is refused changes no table. */
  write(raw: unknown): void {
    const { object, diagnostics } = parseObject(raw);
    if (object !== undefined) setObject(this.tables, object);
    setDiagnostics(this.unreadable, diagnostics);
    this.store.flush();
  }
  /** The one condition, as text. */
  valid(of = key): string {
    const found = this.statuses.flatMap((each) => each.get(of) ?? []);
    assert.equal(found.length, 1, 'two statuses of one policy, or none');
    const [condition] = found.flatMap(({ value }) => value.conditions as Record<string, string>[]);
    const { type, status, reason, message } = condition ?? {};
    return `${type} ${status} ${reason}: ${message}`;
  }
}

describe('statuses of policies', () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig();
  });

  it('say of a policy that is right that it is', () => {
    rig.write(policy);
    assert.equal(rig.valid(), 'Valid True Accepted: the policy is valid');
  });

  it('say what is wrong, where, and what would be right', () => {
    rig.write(wrong);
    assert.match(
      rig.valid(),
      /^Valid False InvalidValue: spec\.ingress\[0\] has both fromEndpoints and fromCIDR \(.+\); it is not in force$/,
    );
  });

  it('say that an older version stays in force, until the policy is right again or gone', () => {
    rig.write(policy);
    rig.write(wrong);
    assert.match(rig.valid(), /^Valid False .*; its last valid version stays in force$/);
    rig.write(policy);
    assert.match(rig.valid(), /^Valid True/);
    rig.tables.CiliumNetworkPolicy.delete('shop/p');
    rig.store.flush();
    assert.deepEqual(
      rig.statuses.map(({ size }) => size),
      [0, 0, 0],
    );
  });

  it('repeat what a policy in force was warned of', () => {
    rig.write(doubtful);
    assert.match(rig.valid(), /^Valid True Accepted: .*empty list, which nobody is in/);
  });

  it('say what a policy in force cannot let through', () => {
    const toPorts = [{ ports: [{ port: '80', protocol: 'TCP' }], rules: { http: [{ method: 'GET' }] } }];
    rig.write({ ...policy, spec: { ...policy.spec, ingress: [{ toPorts }] } });
    assert.match(
      rig.valid(),
      /^Valid False L7ProxyDisabled: spec\.ingress\[0\]\.toPorts\[0\]\.rules needs the proxy for L7.*; the rest of it is in force$/,
    );
    rig.write({ ...policy, spec: { ...policy.spec, egress: [{ toFQDNs: [{ matchName: 'a.b' }] }] } });
    assert.match(rig.valid(), /^Valid True Accepted: spec\.egress\[0\]\.toFQDNs needs somebody/);
  });

  it('count what is too much to read', () => {
    rig.write({ ...policy, spec: { ...policy.spec, ingress: Array.from({ length: 9 }, () => ({ fromx: 1 })) } });
    assert.match(rig.valid(), /; and 4 more; it is not in force$/);
  });

  it('are about policies alone', () => {
    rig.write({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec: { ports: [{ port: 'x' }] } });
    assert.deepEqual(
      rig.statuses.map(({ size }) => size),
      [0, 0, 0],
    );
  });

  it('leave the rest of a status to others', () => {
    rig.write(policy);
    const desired = rig.statuses.flatMap((each) => each.get(key) ?? [])[0]?.value;
    const other = { type: 'Other', status: 'True' };
    const live = {
      nodes: { n1: { ok: true } },
      conditions: [other, { type: 'Valid', status: 'False', lastTransitionTime: 't' }],
    };
    const change = { kind: 'CiliumNetworkPolicy', live, desired, controllerName: '', now: '2026-01-01T00:00:00Z' };
    const [first, second] = (statusPatch(change) as { conditions: Record<string, string>[] }).conditions;
    assert.deepEqual(first, other);
    assert.deepEqual([second?.status, second?.lastTransitionTime], ['True', '2026-01-01T00:00:00Z']);
  });
});

describe('rules by which Cilium refuses a policy', () => {
  const tcp = { port: '80', protocol: 'TCP' };
  const http = { http: [{ path: '/' }] };
  const dns = { dns: [{ matchPattern: '*' }] };
  const many = <T>(one: T): T[] => Array.from({ length: 41 }, () => one);
  const ingress = (...rules: object[]) => ({ endpointSelector: {}, ingress: rules });
  const egress = (...rules: object[]) => ({ endpointSelector: {}, egress: rules });
  const toPorts = (rules: object, ...ports: object[]) => ({ toPorts: [{ ports, rules }] });
  const noProxy = /needs the proxy for L7/;
  const right = /^the policy is valid$/;

  /** What is written, and what the condition says: each rule of the list, and what is excepted from it. */
  const rules: readonly (readonly [rule: string, cases: readonly (readonly [spec: object, says: RegExp])[]])[] = [
    [
      'both or neither of endpointSelector and nodeSelector',
      [
        [{ ingress: [{}] }, /has neither endpointSelector nor nodeSelector/],
        [{ endpointSelector: {}, nodeSelector: {}, ingress: [{}] }, /has both endpointSelector and nodeSelector/],
        [{ nodeSelector: {}, ingress: [{}] }, right],
      ],
    ],
    [
      'two different members of L3 in one element, but for requires',
      [
        [ingress({ fromEndpoints: [{}], fromEntities: ['world'] }), /has both fromEndpoints and fromEntities/],
        [ingress({ fromNodes: [{}], fromCIDR: ['10.0.0.0/8'] }), /has both fromCIDR and fromNodes/],
        [egress({ toEndpoints: [{}], toCIDR: ['10.0.0.0/8'] }), /has both toEndpoints and toCIDR/],
        [egress({ toCIDR: ['10.0.0.0/8'], toCIDRSet: [{ cidr: '10.0.0.0/8' }] }), /has both toCIDR and toCIDRSet/],
        [egress({ toServices: [{ k8sService: { serviceName: 'a' } }], toFQDNs: [{ matchName: 'a.b' }] }), /has both/],
        [
          { endpointSelector: {}, ingressDeny: [{ fromEndpoints: [{}], fromCIDR: ['10.0.0.0/8'] }] },
          /spec\.ingressDeny\[0\] has both/,
        ],
        [
          { endpointSelector: {}, egressDeny: [{ toEntities: ['world'], toNodes: [{}] }] },
          /spec\.egressDeny\[0\] has both/,
        ],
        [egress({ toEndpoints: [{}], toRequires: [{ matchLabels: { a: 'b' } }] }), right],
      ],
    ],
    [
      'icmps together with toPorts',
      [
        [
          ingress({ icmps: [{ fields: [{ type: 8 }] }], toPorts: [{ ports: [tcp] }] }),
          /icmps must not be set with toPorts/,
        ],
        [
          { endpointSelector: {}, egressDeny: [{ icmps: [{ fields: [{ type: 8 }] }], toPorts: [{ ports: [tcp] }] }] },
          /icmps must not be set with toPorts/,
        ],
        [ingress({ icmps: [{ fields: [{ type: 8 }] }] }), right],
      ],
    ],
    [
      'more than 40 ports, or fields of icmps',
      [
        [ingress({ toPorts: [{ ports: many(tcp) }] }), /toPorts\[0\]\.ports .*41/],
        [{ endpointSelector: {}, ingressDeny: [{ toPorts: [{ ports: many(tcp) }] }] }, /toPorts\[0\]\.ports .*41/],
        [egress({ icmps: [{ fields: many({ type: 8 }) }] }), /icmps\[0\]\.fields .*41/],
      ],
    ],
    [
      'rules of L7 on another protocol than TCP, DNS excepted; rules of DNS without a port',
      [
        [ingress(toPorts(http, { port: '80', protocol: 'UDP' })), /is UDP, which rules of http cannot be applied to/],
        [ingress(toPorts(http, { port: '80' })), /is ANY, which rules of http cannot be applied to/],
        [ingress(toPorts({ kafka: [{ topic: 'a' }] }, { port: '80', protocol: 'SCTP' })), /is SCTP/],
        [ingress(toPorts({ l7proto: 'a', l7: [] }, { port: '80', protocol: 'UDP' })), /is UDP/],
        [egress(toPorts(dns, { port: '53', protocol: 'SCTP' })), /is SCTP, which rules of dns cannot be applied to/],
        ...['TCP', 'UDP', 'ANY'].map((protocol) => [egress(toPorts(dns, { port: '53', protocol })), noProxy] as const),
        [egress(toPorts(dns)), /toPorts\[0\]\.ports is missing/],
      ],
    ],
    ['rules of DNS on ingress', [[ingress(toPorts(dns, { port: '53' })), /rules\.dns are not possible on ingress/]]],
    [
      'rules of L7 with port 0',
      [
        [ingress(toPorts(http, { port: '0', protocol: 'TCP' })), /port is 0, which is all ports/],
        [egress(toPorts(dns, { port: '0' })), /port is 0, which is all ports/],
      ],
    ],
    [
      'more than one kind of rules in one block; l7 without l7proto',
      [
        [ingress(toPorts({ ...http, kafka: [{}] }, tcp)), /has rules of 2 protocols: http, kafka/],
        [egress(toPorts({ ...http, ...dns }, tcp)), /has rules of 2 protocols: http, dns/],
        [ingress(toPorts({ l7: [{ a: 'b' }] }, tcp)), /l7proto is missing/],
      ],
    ],
    [
      'rules of L7 in a host policy',
      [
        [{ nodeSelector: {}, ingress: [toPorts(http, tcp)] }, /is not possible in a host policy/],
        [{ nodeSelector: {}, egress: [toPorts(dns, { port: '53' })] }, /is not possible in a host policy/],
      ],
    ],
    [
      'rules of L7 while the proxy for L7 is disabled',
      [
        [
          ingress(toPorts(http, tcp)),
          /^spec\.ingress\[0\]\.toPorts\[0\]\.rules needs the proxy for L7, and there is none/,
        ],
        [ingress(toPorts({ http: [] }, tcp)), noProxy],
        [ingress(toPorts({ kafka: [{ topic: 'a' }] }, tcp)), noProxy],
        [egress(toPorts({ l7proto: 'a', l7: [] }, tcp)), noProxy],
        [ingress(toPorts({}, tcp)), right],
      ],
    ],
    [
      'an exception outside of its network; a mask with holes; no port',
      [
        [egress({ toCIDRSet: [{ cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] }] }), /not within 10\.0\.0\.0\/8/],
        [ingress({ fromCIDRSet: [{ cidr: 'fd00::/16', except: ['10.0.0.0/8'] }] }), /not within fd00::\/16/],
        [egress({ toCIDR: ['10.0.0.0/255.0.255.0'] }), /leading bits/],
        [ingress({ toPorts: [{ ports: [{ protocol: 'TCP' }] }] }), /ports\[0\]\.port is missing/],
        [ingress({ toPorts: [{ ports: [{ port: '', protocol: 'TCP' }] }] }), /ports\[0\]\.port is/],
      ],
    ],
    [
      'a label of the rule that Cilium itself makes',
      [[{ ...ingress({}), labels: [{ key: 'a', source: 'cilium-generated' }] }, /source is cilium-generated/]],
    ],
  ];

  for (const [rule, cases] of rules)
    it(rule, () => {
      for (const [spec, says] of cases) {
        const rig = new Rig();
        const kind = 'nodeSelector' in spec ? 'CiliumClusterwideNetworkPolicy' : 'CiliumNetworkPolicy';
        const scope = kind === 'CiliumNetworkPolicy' ? { namespace: 'shop' } : {};
        const metadata = { name: 'p', ...scope };
        rig.write({ apiVersion: 'cilium.io/v2', kind, metadata, spec });
        const said = rig.valid(refKey({ group: 'cilium.io', kind, ...metadata }));
        const [, status, message = ''] = /^Valid (True|False) \w+: (.*)$/.exec(said) ?? [];
        assert.match(message, says);
        assert.equal(status, says === right ? 'True' : 'False', said);
      }
    });
});
