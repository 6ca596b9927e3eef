import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type AnyObject, parseObject } from '../../api/index.ts';
import { type Collection, type DerivedCollection, Store } from '../../store/index.ts';
import { applyBatch, createTables, refToKey, setObject, type Tables } from '../inputs.ts';
import { defaultMeshOptions, type MeshOutputs } from '../model/index.ts';
import { translateGateway } from './index.ts';

const apiVersion = 'gateway.networking.k8s.io/v1';

function parsed(raw: unknown): AnyObject {
  const { object, diagnostics } = parseObject(raw);
  assert.ok(object !== undefined, JSON.stringify(diagnostics));
  return object;
}

interface Plane {
  store: Store;
  tables: Tables;
  outputs: MeshOutputs;
}

function plane(): Plane {
  const store = new Store({ schedule: () => {} });
  const tables = createTables(store);
  return { store, tables, outputs: translateGateway(store, tables, defaultMeshOptions) };
}

function snapshot({ outputs }: Plane): unknown {
  const collections: Record<string, Collection<unknown>> = { ...outputs } as never;
  return Object.fromEntries(
    Object.entries(collections).map(([name, collection]) => [
      name,
      [...collection.entries()].sort(([a], [b]) => (a < b ? -1 : 1)),
    ]),
  );
}

/* A small universe in which most things refer to each other. */

const namespaces = fc.constantFrom('default', 'default', 'default', 'team');
const gatewayNames = fc.constantFrom('g', 'h');
const hosts = fc.constantFrom('a.example.com', 'b.example.com', '*.example.com', '*.com');
const created = fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z');
const from = fc.constantFrom('All', 'All', 'Same');

const listener = fc.record({
  protocol: fc.constantFrom('HTTP', 'HTTP', 'HTTP', 'HTTPS', 'TLS', 'TLS', 'TCP', 'UDP'),
  port: fc.constantFrom(80, 81, 443),
  hostname: fc.option(hosts, { nil: undefined }),
  from,
});

const listeners = fc.array(listener, { minLength: 1, maxLength: 4 }).map((all) => {
  const distinct = new Map(all.map((one) => [`${one.port}/${one.protocol}/${one.hostname}`, one]));
  return [...distinct.values()].map(({ protocol, port, hostname, from: namespaceFrom }, i) => ({
    name: `l${i}`,
    protocol,
    port,
    ...(hostname === undefined || protocol === 'TCP' || protocol === 'UDP' ? {} : { hostname }),
    ...(protocol === 'HTTPS' ? { tls: { certificateRefs: [{ name: 'cert' }] } } : {}),
    ...(protocol === 'TLS' ? { tls: { mode: 'Passthrough' } } : {}),
    allowedRoutes: { namespaces: { from: namespaceFrom } },
  }));
});

const objectOf = fc.oneof(
  fc
    .record({ name: gatewayNames, namespace: namespaces, created, listeners, from, isDefault: fc.boolean() })
    .map(({ name, namespace, created: creationTimestamp, listeners: all, from: allowed, isDefault }) => ({
      apiVersion,
      kind: 'Gateway',
      metadata: { name, namespace, creationTimestamp },
      spec: {
        gatewayClassName: 'cilium',
        allowedListeners: { namespaces: { from: allowed } },
        defaultScope: isDefault ? 'All' : 'None',
        listeners: all.filter(
          (one, i) =>
            all.findIndex(
              (other) => other.port === one.port && other.protocol === one.protocol && other.hostname === one.hostname,
            ) === i,
        ),
      },
    })),
  fc
    .record({ namespace: namespaces, created, gateway: gatewayNames, gatewayNamespace: namespaces, listener })
    .map(({ namespace, created: creationTimestamp, gateway, gatewayNamespace, listener: { port, hostname } }) => ({
      apiVersion,
      kind: 'ListenerSet',
      metadata: { name: 'set', namespace, creationTimestamp },
      spec: {
        parentRef: { name: gateway, namespace: gatewayNamespace },
        listeners: [{ name: 'http', port, protocol: 'HTTP', ...(hostname === undefined ? {} : { hostname }) }],
      },
    })),
  fc
    .record({
      kind: fc.constantFrom('HTTPRoute', 'GRPCRoute', 'TLSRoute'),
      name: fc.constantFrom('r', 's'),
      namespace: namespaces,
      created,
      hostnames: fc.uniqueArray(hosts, { minLength: 1, maxLength: 2 }),
      gateway: gatewayNames,
      parentNamespace: namespaces,
      toSet: fc.boolean(),
      useDefaultGateways: fc.constantFrom('All', 'None'),
      service: fc.constantFrom('web', 'db'),
    })
    .map(({ kind, name, namespace, created: creationTimestamp, hostnames, gateway, toSet, service, ...rest }) => ({
      apiVersion,
      kind,
      metadata: { name, namespace, creationTimestamp },
      spec: {
        hostnames,
        useDefaultGateways: rest.useDefaultGateways,
        parentRefs: [
          toSet
            ? { kind: 'ListenerSet', name: 'set', namespace: rest.parentNamespace }
            : { name: gateway, namespace: rest.parentNamespace },
        ],
        rules: [{ backendRefs: [{ name: service, port: 80 }] }],
      },
    })),
  fc.record({ name: fc.constantFrom('web', 'db'), namespace: namespaces }).map((metadata) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { ports: [{ port: 80 }] },
  })),
  fc.constant({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'any' },
    spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } },
  }),
);

const operation = fc.oneof(
  { weight: 8, arbitrary: fc.record({ op: fc.constant('set' as const), raw: objectOf }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('delete' as const), raw: objectOf }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('flush' as const), raw: fc.constant({}) }) },
);

describe('gateway properties', () => {
  it('incremental equals rebuild, and order of arrival does not matter', () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 20, maxLength: 60, size: 'max' }), (operations) => {
        const live = plane();
        for (const { op, raw } of operations) {
          if (op === 'flush') live.store.flush();
          else if (op === 'set') setObject(live.tables, parsed(raw));
          else {
            const { kind, metadata } = parsed(raw);
            const ref = { group: '', kind, namespace: metadata.namespace ?? '', name: metadata.name };
            assert.ok(refToKey(ref) !== '');
            applyBatch(live.tables, { changes: [{ op: 'delete', ref }] });
          }
        }
        live.store.flush();
        const rebuilt = plane();
        for (const kind of [
          'Service',
          'TLSRoute',
          'GRPCRoute',
          'HTTPRoute',
          'ListenerSet',
          'Ingress',
          'Gateway',
        ] as const)
          for (const object of [...live.tables[kind].values()].reverse()) setObject(rebuilt.tables, object);
        rebuilt.store.flush();
        assert.deepEqual(snapshot(live), snapshot(rebuilt));
      }),
      { numRuns: 200 },
    );
  });

  it('one more route on a Gateway with a thousand runs each derivation once, and touches no listener', () => {
    const { store, tables, outputs } = plane();
    const route = (i: number): AnyObject =>
      parsed({
        apiVersion,
        kind: 'HTTPRoute',
        metadata: { name: `r${i}` },
        spec: {
          parentRefs: [{ name: 'g' }],
          hostnames: [`h${i}.example.com`],
          rules: [{ backendRefs: [{ name: 'web', port: 80 }] }],
        },
      });
    setObject(
      tables,
      parsed({
        apiVersion,
        kind: 'Gateway',
        metadata: { name: 'g' },
        spec: { gatewayClassName: 'cilium', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
      }),
    );
    setObject(
      tables,
      parsed({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } }),
    );
    for (let i = 0; i < 1000; i++) setObject(tables, route(i));
    store.flush();
    const derived = store.collections.filter(
      (collection): collection is DerivedCollection<unknown> => 'runs' in collection,
    );
    const before = derived.map(({ runs }) => runs);
    setObject(tables, route(1000));
    store.flush();
    const runs = Object.fromEntries(
      derived.map(({ name, runs: now }, i) => [name, now - before[i]!]).filter(([, count]) => count !== 0),
    );
    assert.deepEqual(runs, {
      'gateway.HTTPRoute': 1,
      'gateway.reports': 1,
      'gateway.routes': 1,
      'gateway.backends': 1,
      'gateway.statuses': 2,
    });
    const status = outputs.statuses.get('Gateway.gateway.networking.k8s.io/default/g');
    assert.ok(status !== undefined);
    const [counted] = status.value.listeners as { attachedRoutes: number }[];
    assert.equal(counted?.attachedRoutes, 1001);
  });

  it("a certificate's renewal touches no route", () => {
    const { store, tables } = plane();
    const secret = (name: string, data: string): AnyObject =>
      parsed({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { 'tls.crt': data } });
    setObject(
      tables,
      parsed({
        apiVersion,
        kind: 'Gateway',
        metadata: { name: 'g' },
        spec: {
          gatewayClassName: 'cilium',
          listeners: [{ name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'cert' }] } }],
        },
      }),
    );
    setObject(
      tables,
      parsed({
        apiVersion,
        kind: 'HTTPRoute',
        metadata: { name: 'r' },
        spec: { parentRefs: [{ name: 'g' }], rules: [{}] },
      }),
    );
    setObject(tables, secret('cert', 'one'));
    store.flush();
    const runsOf = (name: string): number =>
      (store.collections.find((collection) => collection.name === name) as DerivedCollection<unknown>).runs;
    const before = { routes: runsOf('gateway.HTTPRoute'), models: runsOf('gateway.models') };
    setObject(tables, secret('cert', 'two'));
    store.flush();
    assert.equal(runsOf('gateway.models'), before.models + 1);
    assert.equal(runsOf('gateway.HTTPRoute'), before.routes);
  });
});
