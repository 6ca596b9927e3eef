import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type BackendTLSPolicy, GATEWAY_GROUP, refKey } from '../../api/index.ts';
import { setObject } from '../inputs.ts';
import { deriveTlsPolicyReports } from './backend-tls-status.ts';
import type { TlsPolicyUse } from './contract.ts';
import { grpcRules, httpRules, objects, service, world } from './testing/rules.ts';

const pem = (name: string) => readFileSync(new URL(`testdata/certs/${name}`, import.meta.url), 'utf8');
const quoted = (name: string) => JSON.stringify(pem(name));
const authorities = `
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ca}
data: {ca.crt: ${quoted('ca.crt')}}
`;
const system = 'wellKnownCACertificates: System';
const ca = 'caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]';

function policy(name: string, validation: string, target = '', created = '2026-01-01T00:00:00Z'): string {
  return `
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: ${name}, creationTimestamp: "${created}", generation: 4}
spec:
  targetRefs: [{group: "", kind: Service, name: a${target}}]
  validation: {hostname: ${name}.example, ${validation}}
`;
}
const to = '- backendRefs: [{name: a, port: 80}]';

describe('BackendTLSPolicy', () => {
  it('has backends spoken to by TLS, checked against its authorities and host', () => {
    const { backends, secrets, resolvedRefs, tlsPolicyTargets } = httpRules(to, authorities + policy('p', ca));
    assert.deepEqual(
      backends.map(({ name, protocol, tls }) => ({ name, protocol, tls })),
      [
        {
          name: 'default/a:80+tls-p',
          protocol: 'http',
          tls: { sni: 'p.example', trust: { sds: 'trust:ConfigMap/default/ca' } },
        },
      ],
    );
    assert.deepEqual(
      secrets.map(({ name, type }) => [name, type]),
      [['trust:ConfigMap/default/ca', 'trust']],
    );
    assert.deepEqual([resolvedRefs.ok, tlsPolicyTargets], [true, ['default/a/']]);
  });

  it("takes the system's authorities and names other than the host", () => {
    const names = 'subjectAltNames: [{type: Hostname, hostname: "*.b.example"}, {type: URI, uri: "spiffe://x/y"}]';
    const { backends, secrets } = httpRules(to, policy('p', `${system}, ${names}`));
    assert.deepEqual(backends[0]?.tls, {
      sni: 'p.example',
      trust: 'system',
      subjectAltNames: [
        { type: 'dns', value: '*.b.example' },
        { type: 'uri', value: 'spiffe://x/y' },
      ],
    });
    assert.deepEqual(secrets, []);
  });

  it('serves gRPC by HTTP/2, and mirrors', () => {
    assert.equal(grpcRules(to, policy('p', system)).backends[0]?.name, 'default/a:80+http2+tls-p');
    const mirrored = httpRules(
      '- filters: [{type: RequestMirror, requestMirror: {backendRef: {name: a, port: 80}}}]\n  backendRefs: [{name: b, port: 80}]',
      policy('p', system),
    );
    assert.deepEqual(mirrored.backends.map(({ name }) => name).sort(), ['default/a:80+tls-p', 'default/b:80']);
  });

  for (const [name, validation, message] of [
    [
      'authorities that do not exist',
      'caCertificateRefs: [{group: "", kind: ConfigMap, name: gone}]',
      /gone does not exist/,
    ],
    ['authorities of another kind', 'caCertificateRefs: [{group: "", kind: Secret, name: ca}]', /of kind Secret/],
    [
      'one bad reference of two',
      'caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}, {group: "", kind: ConfigMap, name: gone}]',
      /gone does not exist/,
    ],
    ['well-known authorities that are not known', 'wellKnownCACertificates: example.com/own', /is not known/],
  ] as const)
    it(`with ${name} fails requests, and never sends them in plain text`, () => {
      const { rules, backends, resolvedRefs, diagnostics } = httpRules(to, authorities + policy('p', validation));
      assert.deepEqual(rules[0]?.action, { type: 'respond', status: 500 });
      assert.deepEqual([backends, resolvedRefs.ok], [[], false]);
      assert.match(diagnostics[0]?.message ?? '', message);
    });

  it('for a port beats one for the Service; then the older one wins, valid or not', () => {
    const port = service('a', '', 'name: web, port: 80');
    const [old, young] = ['2025-01-01T00:00:00Z', '2026-06-01T00:00:00Z'];
    const sni = (...policies: string[]) => {
      const { backends, rules } = httpRules(to, port + policies.join(''));
      return backends[0]?.tls?.sni ?? rules[0]?.action.type;
    };
    const named = policy('port', system, ', sectionName: web', young);
    assert.equal(sni(named, policy('whole', system, '', old)), 'port.example');
    assert.equal(sni(policy('whole', system, '', old), policy('late', system, '', young)), 'whole.example');
    assert.equal(sni(policy('y', system), policy('x', system)), 'x.example');
    assert.equal(
      sni(policy('bad', 'wellKnownCACertificates: x.example/y', '', old), policy('late', system)),
      'respond',
    );
    assert.equal(sni(policy('elsewhere', system, ', sectionName: other')), 'forward');
  });
});

describe("a Gateway's client certificate", () => {
  const gateway = (ref: string) => `
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: cilium
  listeners: [{name: http, port: 80, protocol: HTTP}]
  tls: {backend: {clientCertificateRef: {${ref}}}}
`;
  const secret = (namespace: string) => `
---
apiVersion: v1
kind: Secret
metadata: {name: id, namespace: ${namespace}}
type: kubernetes.io/tls
stringData: {tls.crt: ${quoted('client.crt')}, tls.key: ${quoted('client.key')}}
`;

  it('is shown to TLS backends, each in a cluster of its own, and to no other', () => {
    const { backends, secrets } = httpRules(
      `${to}\n- backendRefs: [{name: b, port: 80}, {name: s, port: 443}]`,
      policy('p', system) + service('s', '', 'port: 443, appProtocol: https') + gateway('name: id') + secret('default'),
    );
    assert.deepEqual(
      backends.map(({ name, tls }) => [name, tls?.clientCertificate]),
      [
        ['default/a:80+tls-p+as-default/id', 'default/id'],
        ['default/b:80', undefined],
        ['default/s:443+auto+tls-as-default/id', 'default/id'],
      ],
    );
    assert.deepEqual(
      secrets.map(({ name }) => name),
      ['default/id'],
    );
  });

  for (const [name, more] of [
    ['does not exist', gateway('name: gone')],
    ['stands in another namespace that grants nothing', gateway('name: id, namespace: other') + secret('other')],
  ] as const)
    it(`that ${name} fails requests to TLS backends alone`, () => {
      const { rules, diagnostics } = httpRules(
        `${to}\n- backendRefs: [{name: b, port: 80}]`,
        policy('p', system) + more,
      );
      assert.deepEqual(
        rules.map(({ action }) => action.type),
        ['respond', 'forward'],
      );
      assert.equal(diagnostics[0]?.reason, 'InvalidClientCertificateRef');
    });
});

describe('status of a BackendTLSPolicy', () => {
  function reports(yaml: string) {
    const { store, tables, context } = world(service('a', '', 'name: web, port: 80') + authorities + yaml);
    const uses = store.table<TlsPolicyUse>('uses');
    const all = deriveTlsPolicyReports(store, context, uses);
    const gw = (name: string) => ({ group: GATEWAY_GROUP, kind: 'Gateway', namespace: 'default', name });
    uses.set('r', { ports: ['default/a/web', 'default/b/'], gateways: [gw('gw'), gw('second')] });
    uses.set('q', { ports: ['default/a/web'], gateways: [gw('gw')] });
    store.flush();
    return { store, tables, uses, all, gw };
  }
  type Ancestors = {
    ancestorRef: { name: string };
    controllerName: string;
    conditions: { type: string; status: string; reason: string; observedGeneration: number }[];
  }[];
  function ancestors(all: ReturnType<typeof reports>['all'], name = 'p'): Ancestors {
    const report = all.get(refKey({ group: GATEWAY_GROUP, kind: 'BackendTLSPolicy', namespace: 'default', name }));
    assert.ok(report?.status);
    return (report.status.value as { ancestors: Ancestors }).ancestors;
  }
  const shown = (list: Ancestors) =>
    list[0]?.conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`);

  it('names each Gateway that uses it once', () => {
    const { all } = reports(policy('p', ca));
    const list = ancestors(all);
    assert.deepEqual(
      list.map(({ ancestorRef: { name }, controllerName }) => [name, controllerName]),
      [
        ['gw', 'io.cilium/gateway-controller'],
        ['second', 'io.cilium/gateway-controller'],
      ],
    );
    assert.deepEqual(shown(list), ['Accepted True Accepted', 'ResolvedRefs True ResolvedRefs']);
    assert.equal(list[0]?.conditions[0]?.observedGeneration, 4);
  });

  it('runs again when a Gateway comes or goes, and not with every route', () => {
    const { store, uses, all, gw } = reports(policy('p', ca));
    const before = all.runs;
    uses.set('s', { ports: ['default/a/web'], gateways: [gw('gw')] });
    uses.delete('q');
    store.flush();
    assert.equal(all.runs, before);
    uses.delete('r');
    store.flush();
    assert.deepEqual([all.runs, ancestors(all).map(({ ancestorRef: { name } }) => name)], [before + 1, ['gw']]);
  });

  for (const [name, yaml, conditions] of [
    [
      'no valid authority',
      policy('p', 'caCertificateRefs: [{group: "", kind: ConfigMap, name: gone}]'),
      ['Accepted False NoValidCACertificate', 'ResolvedRefs False InvalidCACertificateRef'],
    ],
    [
      'one valid authority of two',
      policy(
        'p',
        'caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}, {group: "", kind: ConfigMap, name: gone}]',
      ),
      ['Accepted True Accepted', 'ResolvedRefs False InvalidCACertificateRef'],
    ],
    [
      'authorities of a kind that is not known',
      policy('p', 'caCertificateRefs: [{group: x.example, kind: Bundle, name: ca}]'),
      ['Accepted False NoValidCACertificate', 'ResolvedRefs False InvalidKind'],
    ],
    [
      'well-known authorities that are not known',
      policy('p', 'wellKnownCACertificates: x.example/y'),
      ['Accepted False Invalid', 'ResolvedRefs True ResolvedRefs'],
    ],
    [
      'a port that its Service does not have',
      policy('p', ca, ', sectionName: gone'),
      ['Accepted False TargetNotFound', 'ResolvedRefs True ResolvedRefs'],
    ],
    [
      'an older policy for the same target',
      policy('p', ca) + policy('q', ca, '', '2020-01-01T00:00:00Z'),
      ['Accepted False Conflicted', 'ResolvedRefs True ResolvedRefs'],
    ],
    [
      'an older policy for a port of its target',
      policy('p', ca) + policy('q', ca, ', sectionName: web', '2020-01-01T00:00:00Z'),
      ['Accepted True Accepted', 'ResolvedRefs True ResolvedRefs'],
    ],
  ] as const)
    it(`with ${name}`, () => {
      const { all } = reports(yaml);
      assert.deepEqual(shown(ancestors(all)), conditions);
      const report = all.get(
        refKey({ group: GATEWAY_GROUP, kind: 'BackendTLSPolicy', namespace: 'default', name: 'p' }),
      );
      assert.equal(
        (report?.diagnostics.length ?? 0) > 0,
        conditions.some((each) => each.includes('False')),
      );
    });

  it('follows its authorities as they come', () => {
    const { store, tables, all } = reports(
      policy('p', 'caCertificateRefs: [{group: "", kind: ConfigMap, name: late}]'),
    );
    assert.deepEqual(shown(ancestors(all))?.[0], 'Accepted False NoValidCACertificate');
    for (const object of objects(authorities.replace('name: ca}', 'name: late}'))) setObject(tables, object);
    store.flush();
    assert.deepEqual(shown(ancestors(all))?.[0], 'Accepted True Accepted');
    const object = tables.BackendTLSPolicy.get('default/p') as BackendTLSPolicy;
    assert.equal(object.metadata.generation, 4);
  });
});
