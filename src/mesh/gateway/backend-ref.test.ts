import assert from 'node:assert/strict';
import { setObject } from '../inputs.ts';
import type { BackendProtocol } from '../model/index.ts';
import { resolveBackendRef } from './backend-ref.ts';
import { grpcRules, httpRules, objects, service, world } from './testing/rules.ts';

const to = (ref: string) => `- backendRefs: [{${ref}}]`;
const elsewhere = service('far', ', namespace: other');

function grant(from: string, targets: string): string {
  return `
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: g, namespace: other}
spec: {from: [${from}], to: [${targets}]}
`;
}
const fromRoutes = '{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}';
const toServices = '{group: "", kind: Service}';

describe('backend references', () => {
  const refused: [name: string, reason: string, ref: string, more?: string][] = [
    ['another kind', 'InvalidKind', 'kind: Bucket, group: x.example, name: a, port: 80'],
    ['a Service that does not exist', 'BackendNotFound', 'name: gone, port: 80'],
    ['a port that does not exist', 'BackendNotFound', 'name: a, port: 81'],
    ['another namespace without a grant', 'RefNotPermitted', 'name: far, namespace: other, port: 80', elsewhere],
    [
      'another namespace that has no such Service and grants nothing',
      'RefNotPermitted',
      'name: x, namespace: other, port: 80',
    ],
    [
      'another namespace that grants it to other kinds and namespaces',
      'RefNotPermitted',
      'name: far, namespace: other, port: 80',
      elsewhere +
        grant(
          '{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: default}, {group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: else}',
          toServices,
        ),
    ],
    [
      'another namespace that grants another Service',
      'RefNotPermitted',
      'name: far, namespace: other, port: 80',
      elsewhere + grant(fromRoutes, '{group: "", kind: Service, name: near}'),
    ],
    ['a UDP port', 'UnsupportedProtocol', 'name: u, port: 53', service('u', '', 'port: 53, protocol: UDP')],
    [
      'a port that speaks Redis',
      'UnsupportedProtocol',
      'name: u, port: 80',
      service('u', '', 'port: 80, appProtocol: redis'),
    ],
    [
      'a port of a Kubernetes protocol that is not known',
      'UnsupportedProtocol',
      'name: u, port: 80',
      service('u', '', 'port: 80, appProtocol: kubernetes.io/next'),
    ],
  ];
  for (const [name, reason, ref, more] of refused)
    it(`to ${name}: ${reason}`, () => {
      const { rules, resolvedRefs, diagnostics, backends } = httpRules(to(ref), more);
      assert.deepEqual([resolvedRefs.ok, resolvedRefs.reason], [false, reason]);
      assert.deepEqual(rules[0]?.action, { type: 'respond', status: 500 });
      assert.deepEqual(backends, []);
      assert.match(diagnostics[0]?.field ?? '', /^spec\.rules\[0\]\.backendRefs\[0\]\.(name|kind|namespace|port)$/);
      assert.ok(diagnostics[0]?.hint);
    });

  for (const [name, targets] of [
    ['every Service', toServices],
    ['this Service', '{group: "", kind: Service, name: far}'],
  ] as const)
    it(`to another namespace that grants ${name}`, () => {
      const { backends, resolvedRefs } = httpRules(
        to('name: far, namespace: other, port: 80'),
        elsewhere + grant(fromRoutes, targets),
      );
      assert.ok(resolvedRefs.ok);
      assert.deepEqual(
        backends.map((backend) => backend.name),
        ['other/far:80'],
      );
    });

  for (const [app, http, grpc] of [
    ['', 'default/u:80 http', 'default/u:80+http2 http2'],
    ['kubernetes.io/h2c', 'default/u:80+http2 http2', 'default/u:80+http2 http2'],
    ['kubernetes.io/ws', 'default/u:80 http', 'UnsupportedProtocol'],
    ['kubernetes.io/wss', 'default/u:80+tls http', 'UnsupportedProtocol'],
    ['https', 'default/u:80+auto+tls auto', 'default/u:80+http2+tls http2'],
    ['example.com/own', 'default/u:80 http', 'default/u:80+http2 http2'],
  ] as const)
    it(`to a port with appProtocol ${app || 'unset'}`, () => {
      const more = service('u', '', app === '' ? 'port: 80' : `port: 80, appProtocol: ${app}`);
      const spoken = ({ backends, resolvedRefs }: ReturnType<typeof httpRules>) =>
        resolvedRefs.ok ? `${backends[0]?.name} ${backends[0]?.protocol}` : resolvedRefs.reason;
      assert.deepEqual(
        [spoken(httpRules(to('name: u, port: 80'), more)), spoken(grpcRules(to('name: u, port: 80'), more))],
        [http, grpc],
      );
    });

  it('to a port number that is there for TCP and for UDP take the one of their route', () => {
    const ports = 'port: 53, name: u, protocol: UDP}, {port: 53, name: t, appProtocol: https';
    const { store, context } = world(service('dns', '', ports));
    const asked = store.table<BackendProtocol>('asked');
    const found = store.derive(asked, {
      name: 'found',
      map: (fetch, protocol, key) => [
        [
          key,
          resolveBackendRef(
            fetch,
            context,
            { group: 'gateway.networking.k8s.io', kind: 'TCPRoute', namespace: 'default' },
            { group: '', kind: 'Service', name: 'dns', port: 53 },
            { protocol },
          ),
        ],
      ],
    });
    for (const protocol of ['tcp', 'udp'] as const) asked.set(protocol, protocol);
    store.flush();
    const backend = (key: string) => {
      const result = found.get(key);
      assert.ok(result?.ok);
      return [result.backend.name, result.backend.protocol, result.backend.tls];
    };
    assert.deepEqual(backend('tcp'), ['default/dns:53+tcp', 'tcp', undefined]);
    assert.deepEqual(backend('udp'), ['default/dns:53+udp', 'udp', undefined]);
  });

  it('follow a Service and a grant that come later, and run again for nothing else', () => {
    const { store, tables, http } = world(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec: {rules: [{backendRefs: [{name: far, namespace: other, port: 80}]}]}
`);
    const reason = () => http.get('default/r')?.resolvedRefs.reason;
    const add = (yaml: string) => {
      for (const object of objects(yaml)) setObject(tables, object);
      store.flush();
    };
    assert.deepEqual([reason(), http.runs], ['RefNotPermitted', 1]);
    add(elsewhere);
    assert.deepEqual([reason(), http.runs], ['RefNotPermitted', 1]);
    add(grant(fromRoutes, toServices));
    assert.deepEqual([reason(), http.runs], ['ResolvedRefs', 2]);
    add(service('unrelated', ', namespace: other'));
    assert.deepEqual([reason(), http.runs], ['ResolvedRefs', 2]);
    tables.ReferenceGrant.delete('other/g');
    store.flush();
    assert.deepEqual([reason(), http.runs], ['RefNotPermitted', 3]);
  });
});
