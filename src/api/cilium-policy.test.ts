import assert from 'node:assert/strict';
import { type Diagnostic, type PolicyRule, parseObject, type TrafficRule } from './index.ts';
import { accepted, type Change, changed } from './testing/expect.ts';
import { clusterwide, group, policy } from './testing/policy-bases.ts';

const ruleOf = (...changes: readonly Change[]): PolicyRule =>
  accepted('CiliumNetworkPolicy', changed(policy, ...changes)).rules[0] as PolicyRule;
const ingress = (element: object): TrafficRule => ruleOf(['spec.ingress', [element]]).ingress[0] as TrafficRule;
const egress = (element: object): TrafficRule => ruleOf(['spec.egress', [element]]).egress[0] as TrafficRule;

/** Of what is in force, but has a limit. */
function warnings(raw: unknown): readonly Diagnostic[] {
  const { object, diagnostics } = parseObject(raw);
  assert.ok(object);
  assert.ok(diagnostics.every(({ severity }) => severity === 'warning'));
  return diagnostics;
}

describe('CiliumNetworkPolicy', () => {
  it('keeps rules as they were written, in one form for all directions', () => {
    assert.deepEqual(accepted('CiliumNetworkPolicy', policy).rules, [
      {
        field: 'spec',
        subject: { kind: 'endpoints', selector: [{ source: 'any', key: 'app', operator: 'In', values: ['web'] }] },
        labels: [],
        ingress: [
          {
            peers: {
              kind: 'endpoints',
              selectors: [[{ source: 'any', key: 'app', operator: 'In', values: ['front'] }]],
            },
            requires: [],
            toPorts: [{ ports: [{ port: 80, protocol: 'TCP' }], serverNames: [] }],
            icmps: [],
          },
        ],
        ingressDeny: [],
        egress: [
          {
            peers: { kind: 'cidrs', cidrs: [{ cidr: '10.0.0.0/8', except: [] }] },
            requires: [],
            toPorts: [],
            icmps: [],
          },
        ],
        egressDeny: [],
        enableDefaultDeny: {},
      },
    ]);
  });

  it('has spec before specs, and names each', () => {
    const { rules } = accepted('CiliumNetworkPolicy', changed(policy, ['specs', [policy.spec, policy.spec]]));
    assert.deepEqual(
      rules.map(({ field }) => field),
      ['spec', 'specs[0]', 'specs[1]'],
    );
  });

  it('tells sources of labels apart, and writes selectors that say the same the same', () => {
    const one = {
      matchLabels: { 'k8s:b': 'x' },
      matchExpressions: [{ key: 'a', operator: 'In', values: ['z', 'y', 'z'] }],
    };
    const two = {
      matchExpressions: [
        { key: 'k8s:b', operator: 'In', values: ['x'] },
        { key: 'a', operator: 'In', values: ['y', 'z'] },
        { key: 'a', operator: 'In', values: ['z', 'y'] },
      ],
    };
    const { peers } = ingress({ fromEndpoints: [one, two] });
    assert.ok(peers?.kind === 'endpoints');
    assert.deepEqual(peers.selectors[0], [
      { source: 'any', key: 'a', operator: 'In', values: ['y', 'z'] },
      { source: 'k8s', key: 'b', operator: 'In', values: ['x'] },
    ]);
    assert.deepEqual(peers.selectors[1], peers.selectors[0]);
  });

  it('tells everybody, nobody and default deny apart', () => {
    assert.equal(ingress({}).peers, undefined);
    assert.deepEqual(ingress({ fromEndpoints: [{}] }).peers, { kind: 'endpoints', selectors: [[]] });
    const nobody = changed(policy, ['spec.ingress', [{ fromEndpoints: [] }]]);
    assert.deepEqual(
      warnings(nobody).map(({ field }) => field),
      ['spec.ingress[0].fromEndpoints'],
    );
    const { object } = parseObject(nobody);
    assert.ok(object?.kind === 'CiliumNetworkPolicy');
    assert.deepEqual(object.rules[0]?.ingress[0]?.peers, { kind: 'endpoints', selectors: [] });
    // A direction without elements says nothing, which is easily mistaken for default deny.
    const [warning] = warnings(changed(policy, ['spec.ingress', []]));
    assert.match(`${warning?.message} ${warning?.hint}`, /no effect.*ingress: \[\{\}\]/);
  });

  it('makes networks canonical, and addresses networks of one', () => {
    assert.deepEqual(egress({ toCIDR: ['10.1.2.3/8', '10.1.2.3', '2001:DB8:0::1/32', '::1'] }).peers, {
      kind: 'cidrs',
      cidrs: ['10.0.0.0/8', '10.1.2.3/32', '2001:db8::/32', '::1/128'].map((cidr) => ({ cidr, except: [] })),
    });
    assert.deepEqual(egress({ toCIDR: ['::ffff:10.1.2.3', '::ffff:10.0.0.0/104', '::ffff:0:0/95'] }).peers, {
      kind: 'cidrs',
      cidrs: ['10.1.2.3/32', '10.0.0.0/8', '::fffe:0:0/95'].map((cidr) => ({ cidr, except: [] })),
    });
    const set = [
      { cidr: '10.0.0.0/8', except: ['10.96.1.0/12'] },
      { cidrGroupRef: 'office', except: ['10.0.0.0/24'] },
    ];
    assert.deepEqual(egress({ toCIDRSet: set }).peers, {
      kind: 'cidrs',
      cidrs: [{ cidr: '10.0.0.0/8', except: ['10.96.0.0/12'] }, set[1]],
    });
  });

  it('reads every other kind of peer', () => {
    assert.deepEqual(ingress({ fromEntities: ['world', 'kube-apiserver'] }).peers, {
      kind: 'entities',
      entities: ['world', 'kube-apiserver'],
    });
    const zone = { source: 'any', key: 'zone', operator: 'In', values: ['a'] };
    assert.deepEqual(ingress({ fromNodes: [{}, { matchLabels: { zone: 'a' } }] }).peers, {
      kind: 'nodes',
      selectors: [[], [zone]],
    });
    assert.deepEqual(egress({ toFQDNs: [{ matchName: 'Example.COM.' }, { matchPattern: '*.a.b' }] }).peers, {
      kind: 'fqdns',
      fqdns: [{ matchName: 'example.com' }, { matchPattern: '*.a.b' }],
    });
    const selector = [{ source: 'any', key: 'a', operator: 'In', values: ['b'] }];
    const services = [
      { k8sService: { serviceName: 'db' } },
      { k8sService: { serviceName: 'db', namespace: 'other' } },
      { k8sServiceSelector: { selector: { matchLabels: { a: 'b' } } } },
      { k8sServiceSelector: { selector: { matchLabels: { a: 'b' } }, namespace: 'other' } },
    ];
    assert.deepEqual(egress({ toServices: services, toPorts: [{ ports: [{ port: '5432' }] }] }).peers, {
      kind: 'services',
      services: [
        { name: 'db', namespace: 'shop' },
        { name: 'db', namespace: 'other' },
        { selector },
        { selector, namespace: 'other' },
      ],
    });
  });

  it('reads ports by number, name and range', () => {
    const ports = [
      { port: '0' },
      { port: 'HTTP-alt', protocol: 'TCP' },
      { port: '80', endPort: 90, protocol: 'SCTP' },
      { port: '80', endPort: 80 },
      { port: '80', endPort: 0 },
    ];
    assert.deepEqual(ingress({ toPorts: [{ ports }] }).toPorts[0]?.ports, [
      { port: 0, protocol: 'ANY' },
      { port: 'http-alt', protocol: 'TCP' },
      { port: 80, endPort: 90, protocol: 'SCTP' },
      { port: 80, protocol: 'ANY' },
      { port: 80, protocol: 'ANY' },
    ]);
  });

  it('warns of what cannot be fulfilled, and so allows nothing', () => {
    const element = { fromEndpoints: [{}], authentication: { mode: 'required' } };
    const [first] = warnings(changed(policy, ['spec.ingress', [element]]));
    assert.equal(`${first?.reason} ${first?.field}`, 'Unsupported spec.ingress[0].authentication.mode');
    const toGroups = [{ aws: { region: 'r', securityGroupsIds: ['sg-1'] } }];
    const raw = changed(policy, ['spec.egress', [{ toGroups }]]);
    const [second] = warnings(raw);
    assert.equal(`${second?.reason} ${second?.field}`, 'Unsupported spec.egress[0].toGroups');
    const { object } = parseObject(raw);
    assert.ok(object?.kind === 'CiliumNetworkPolicy');
    const aws = { labels: {}, region: 'r', securityGroupsIds: ['sg-1'], securityGroupsNames: [] };
    assert.deepEqual(object.rules[0]?.egress[0]?.peers, { kind: 'groups', groups: [{ aws }] });
  });

  it('warns of labels that no endpoint has', () => {
    const labels = (...all: string[]) => ({ matchLabels: Object.fromEntries(all.map((key) => [key, ''])) });
    const found = (section: string, element: object) =>
      warnings(changed(policy, [`spec.${section}`, [element]])).map(({ field, hint }) => `${field}: ${hint}`);
    assert.deepEqual(found('ingressDeny', { fromEndpoints: [{}, labels('cidr:10.0.0.0/8')] }), [
      'spec.ingressDeny[0].fromEndpoints[1]: write fromCIDR',
    ]);
    assert.deepEqual(found('egress', { toEndpoints: [labels('node:zone')] }), [
      'spec.egress[0].toEndpoints[0]: write toNodes',
    ]);
    assert.deepEqual(found('egress', { toEndpoints: [labels('node:zone', 'reserved:remote-node')] }), []);
  });

  it('allows nothing by what an API server has and this version does not know', () => {
    const elements = [
      { toPorts: [{ ports: [{ port: '80', protocol: 'TCP' }], rules: { http: [{ cookie: 'a' }] } }] },
      { fromEndpoints: [{}], onlyOnSundays: true },
      { fromEndpoints: [{}] },
    ];
    const ingressDeny = [{ fromEndpoints: [{}], onlyOnSundays: true }];
    const raw = changed(policy, ['spec.ingress', elements], ['spec.ingressDeny', ingressDeny]);
    const { object, diagnostics } = parseObject(raw, { unknownFields: 'warning' });
    assert.ok(object?.kind === 'CiliumNetworkPolicy');
    const nobody = { kind: 'endpoints', selectors: [] };
    const everybody = { kind: 'endpoints', selectors: [[]] };
    assert.deepEqual(
      object.rules[0]?.ingress.map(({ peers }) => peers),
      [nobody, nobody, everybody],
    );
    assert.deepEqual(object.rules[0]?.ingressDeny[0]?.peers, everybody);
    const found = diagnostics.map(({ severity, field }) => `${severity} ${field}`);
    assert.ok(found.includes('warning spec.ingress[0]') && found.includes('warning spec.ingress[1].onlyOnSundays'));
  });

  it('denies all that something may be about which it does not know', () => {
    const ports = [{ port: '80', protocol: 'TCP' }];
    const elements: [element: object, peers: unknown, ports: number][] = [
      [{ fromPlanet: ['mars'] }, { kind: 'entities', entities: ['all'] }, 0],
      [{ fromPlanet: ['mars'], fromEndpoints: [] }, { kind: 'entities', entities: ['all'] }, 0],
      [{ fromPlanet: ['mars'], toPorts: [{ ports }] }, undefined, 1],
      [{ fromEndpoints: [{}], toPorts: [{ portNames: ['http'] }] }, { kind: 'endpoints', selectors: [[]] }, 0],
      [{ toPorts: [{ portNames: ['http'] }] }, { kind: 'entities', entities: ['all'] }, 0],
    ];
    const raw = changed(policy, ['spec.ingressDeny', elements.map(([element]) => element)]);
    const { object, diagnostics } = parseObject(raw, { unknownFields: 'warning' });
    assert.ok(object?.kind === 'CiliumNetworkPolicy');
    const denying: readonly TrafficRule[] = object.rules[0]?.ingressDeny ?? [];
    for (const [i, [, peers, count]] of elements.entries()) {
      const denied = denying[i]!;
      assert.deepEqual([denied.peers, denied.toPorts.length], [peers, count], `element ${i}`);
      assert.ok(
        diagnostics.some(({ field, reason }) => field === `spec.ingressDeny[${i}]` && reason === 'UnknownField'),
      );
    }
  });

  it('warns of an element of toPorts that matches nothing', () => {
    const [warning] = warnings(changed(policy, ['spec.ingress', [{ toPorts: [{}] }]]));
    assert.equal(warning?.field, 'spec.ingress[0].toPorts[0].ports');
  });

  it('reads types of ICMP by number and name', () => {
    const fields = [{ type: 8 }, { type: 'EchoRequest', family: 'IPv6' }, { type: 'DestinationUnreachable' }];
    assert.deepEqual(ingress({ icmps: [{ fields }, { fields: [{ type: 0 }] }] }).icmps, [
      { family: 'IPv4', type: 8 },
      { family: 'IPv6', type: 128 },
      { family: 'IPv4', type: 3 },
      { family: 'IPv4', type: 0 },
    ]);
  });

  it('reads rules of L7', () => {
    const tcp = [{ port: '80', protocol: 'TCP' }];
    const http = [
      {
        method: 'GET',
        path: '/a.*',
        headers: ['X-A: b'],
        headerMatches: [{ name: 'X-B', value: 'c', mismatch: 'LOG' }],
      },
    ];
    assert.deepEqual(ingress({ toPorts: [{ ports: tcp, rules: { http } }] }).toPorts[0]?.rules, { kind: 'http', http });
    const kafka = [{ role: 'produce', topic: 't' }];
    assert.deepEqual(ingress({ toPorts: [{ ports: tcp, rules: { kafka } }] }).toPorts[0]?.rules, {
      kind: 'kafka',
      kafka,
    });
    const dns = [{ matchPattern: '*' }];
    assert.deepEqual(egress({ toPorts: [{ ports: [{ port: '53' }], rules: { dns } }] }).toPorts[0]?.rules, {
      kind: 'dns',
      dns,
    });
    assert.deepEqual(ingress({ toPorts: [{ ports: tcp, rules: { l7proto: 'r2d2' } }] }).toPorts[0]?.rules, {
      kind: 'l7',
      l7proto: 'r2d2',
      l7: [],
    });
    // No protocol is named: nothing is looked into.
    assert.equal(ingress({ toPorts: [{ ports: tcp, rules: {} }] }).toPorts[0]?.rules, undefined);
  });

  it('reads TLS, server names and listeners', () => {
    const element = {
      ports: [{ port: '443', protocol: 'TCP' }],
      serverNames: ['a.b'],
      terminatingTLS: { secret: { name: 's', namespace: 'n' }, certificate: 'c' },
      originatingTLS: { secret: { name: 's' } },
      rules: { http: [] },
    };
    const [read] = egress({ toPorts: [element] }).toPorts;
    assert.deepEqual([read?.terminatingTLS, read?.serverNames], [element.terminatingTLS, ['a.b']]);
    const listener = { name: 'l', envoyConfig: { kind: 'CiliumEnvoyConfig', name: 'e' }, priority: 1 };
    assert.deepEqual(egress({ toPorts: [{ ports: [{ port: '80' }], listener }] }).toPorts[0]?.listener, listener);
  });

  it('reads what else a rule may say', () => {
    const rule = ruleOf(
      [
        'spec.labels',
        [
          { key: 'team', value: 'a' },
          { key: 'b', source: 'k8s' },
        ],
      ],
      ['spec.description', 'why'],
      ['spec.enableDefaultDeny', { egress: false }],
      ['spec.ingressDeny', [{ fromEntities: ['world'], toPorts: [{ ports: [{ port: '1' }] }] }]],
      ['spec.ingress.0.fromRequires', [{ matchLabels: { env: 'prod' } }]],
      ['spec.ingress.0.authentication', { mode: 'disabled' }],
    );
    assert.deepEqual(rule.labels, [
      { source: 'unspec', key: 'team', value: 'a' },
      { source: 'k8s', key: 'b', value: '' },
    ]);
    assert.deepEqual(rule.enableDefaultDeny, { egress: false });
    assert.equal(rule.ingressDeny[0]?.toPorts[0]?.ports[0]?.port, 1);
    assert.equal(rule.ingress[0]?.authentication, 'disabled');
    assert.deepEqual(rule.ingress[0]?.requires, [[{ source: 'any', key: 'env', operator: 'In', values: ['prod'] }]]);
  });

  it('selects pods of its own namespace, whatever it says', () => {
    const raw = changed(policy, [
      'spec.endpointSelector.matchLabels',
      { 'k8s:io.kubernetes.pod.namespace': 'other', app: 'web' },
    ]);
    const [warning] = warnings(raw);
    assert.equal(warning?.reason, 'NamespaceIgnored');
    const { object } = parseObject(raw);
    assert.ok(object?.kind === 'CiliumNetworkPolicy');
    assert.deepEqual(
      object.rules[0]?.subject.selector.map(({ key }) => key),
      ['app'],
    );
    ruleOf(['spec.endpointSelector.matchLabels', { 'k8s:io.kubernetes.pod.namespace': 'shop' }]);
  });
});

describe('CiliumClusterwideNetworkPolicy', () => {
  it('may be about nodes, and Services of namespace default', () => {
    const { rules } = accepted(
      'CiliumClusterwideNetworkPolicy',
      changed(clusterwide, ['spec.egress', [{ toServices: [{ k8sService: { serviceName: 'a' } }] }]]),
    );
    assert.deepEqual(rules[0]?.subject, { kind: 'nodes', selector: [] });
    assert.deepEqual(rules[0]?.egress[0]?.peers, { kind: 'services', services: [{ name: 'a', namespace: 'default' }] });
  });

  it('may select endpoints of any namespace', () => {
    const endpointSelector = { matchLabels: { 'k8s:io.kubernetes.pod.namespace': 'other' } };
    accepted('CiliumClusterwideNetworkPolicy', changed(clusterwide, ['spec', { endpointSelector, ingress: [{}] }]));
  });
});

describe('CiliumCIDRGroup', () => {
  it('has each network once', () => {
    assert.deepEqual(accepted('CiliumCIDRGroup', group).externalCIDRs, ['10.0.0.0/8']);
  });
});
