import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { AnyObject, Ingress } from '../../api/index.ts';
import { objectKey } from '../../api/index.ts';
import { setObject } from '../inputs.ts';
import { renderOutputs } from '../testing/render.ts';
import { ingress, parsed, path, plane, rule, service, tlsSecret } from './testing/objects.ts';

const hosts = [undefined, 'a.example.com', 'b.example.com', '*.example.com'];
const pathArbitrary = fc
  .record({
    value: fc.constantFrom('/', '/x', '/x/', '/x/y', '/[', '/x.*'),
    type: fc.constantFrom('Exact', 'Prefix', 'ImplementationSpecific'),
    service: fc.constantFrom('web', 'own', 'gone'),
    port: fc.constantFrom<object>({ number: 80 }, { name: 'http' }, { number: 81 }),
  })
  .map(({ value, type, service: name, port }) => path(value, name, type, port));

const ruleArbitrary = fc
  .record({ host: fc.constantFrom(...hosts), paths: fc.array(pathArbitrary, { maxLength: 2 }) })
  .map(({ host, paths }) => (paths.length === 0 ? { host: host ?? 'c.example.com' } : rule(host, ...paths)));

const tlsArbitrary = fc
  .record({
    hosts: fc.option(
      fc.subarray(['a.example.com', 'b.example.com', '*.example.com', 'c.example.com'], { minLength: 1 }),
      {
        nil: undefined,
      },
    ),
    secretName: fc.option(fc.constantFrom('one', 'two', 'missing'), { nil: undefined }),
  })
  .map((entry) => JSON.parse(JSON.stringify(entry)) as object);

const ingressArbitrary = fc
  .record({
    name: fc.constantFrom('i1', 'i2', 'i3', 'i4'),
    created: fc.constantFrom(undefined, '2024-01-01T00:00:00Z', '2024-01-02T00:00:00Z'),
    className: fc.constantFrom('cilium', 'cilium', 'edge', undefined),
    annotations: fc.dictionary(
      fc.constantFrom(
        'ingress.cilium.io/force-https',
        'ingress.cilium.io/tls-passthrough',
        'io.cilium/tcp-keep-alive',
        'ingress.cilium.io/nonsense',
      ),
      fc.constantFrom('enabled', 'disabled', 'nonsense'),
      { maxKeys: 2 },
    ),
    port: fc.constantFrom(undefined, undefined, '9000', '8080'),
    rules: fc.array(ruleArbitrary, { maxLength: 3 }),
    tls: fc.array(tlsArbitrary, { maxLength: 2 }),
    defaultBackend: fc.boolean(),
  })
  .map(({ name, created, className, annotations, port, rules, tls, defaultBackend }) => {
    const own = port === undefined ? {} : { 'ingress.cilium.io/host-listener-port': port };
    const spec = {
      ...(className === undefined ? { ingressClassName: undefined } : { ingressClassName: className }),
      rules,
      tls,
      ...(defaultBackend || rules.length === 0
        ? { defaultBackend: { service: { name: 'own', port: { number: 80 } } } }
        : {}),
    };
    const metadata = {
      annotations: { ...annotations, ...own },
      ...(created === undefined ? {} : { creationTimestamp: created }),
    };
    return ingress(name, spec, metadata);
  });

const ingressClass = (controller: string, isDefault: boolean): AnyObject =>
  parsed({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: {
      name: 'edge',
      annotations: { 'ingressclass.kubernetes.io/is-default-class': String(isDefault) },
    },
    spec: { controller },
  });

const others: AnyObject[] = [
  service('web'),
  service('web', { ports: [{ name: 'http', port: 81 }] }),
  service('own'),
  tlsSecret('one', 'wildcard'),
  tlsSecret('one', 'shop', 'other'),
  tlsSecret('two', 'shop'),
  tlsSecret('two', 'shop-rsa'),
  ingressClass('cilium.io/ingress-controller', true),
  ingressClass('cilium.io/ingress-controller', false),
  ingressClass('example.com/other', true),
];

type Step = { set: AnyObject } | { remove: AnyObject } | { flush: true };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: ingressArbitrary.map((set: Ingress) => ({ set })) },
  { weight: 3, arbitrary: fc.constantFrom(...others).map((set) => ({ set })) },
  { weight: 1, arbitrary: ingressArbitrary.map((remove: Ingress) => ({ remove })) },
  { weight: 1, arbitrary: fc.constantFrom(...others).map((remove) => ({ remove })) },
  { weight: 2, arbitrary: fc.constant({ flush: true as const }) },
);

describe('ingress properties', () => {
  it('incremental equals rebuild, and order of arrival does not matter', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 25 }),
        fc.constantFrom(undefined, 'default/one'),
        (steps, defaultCertificate) => {
          const options = defaultCertificate === undefined ? {} : { defaultCertificate };
          const live = plane([], options);
          const present = new Map<string, AnyObject>();
          for (const each of steps) {
            if ('flush' in each) live.store.flush();
            else if ('set' in each) {
              setObject(live.tables, each.set);
              present.set(`${each.set.kind}/${objectKey(each.set)}`, each.set);
            } else {
              live.tables[each.remove.kind].delete(objectKey(each.remove));
              present.delete(`${each.remove.kind}/${objectKey(each.remove)}`);
            }
          }
          live.store.flush();
          const rebuilt = plane([...present.values()].reverse(), options);
          assert.equal(renderOutputs(live.outputs), renderOutputs(rebuilt.outputs));
          checkModel(live.outputs);
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** What the model asks of every translator, whatever the input. */
function checkModel({ listeners, routes, backends, secrets }: ReturnType<typeof plane>['outputs']): void {
  const names = new Set([...secrets.values()].map((use) => use.secret.name));
  const clusters = new Set([...backends.values()].map(({ name }) => name));
  const binds = new Set<string>();
  for (const listener of listeners.values()) {
    assert.ok(!binds.has(`${listener.bind.address}:${listener.bind.port}`), 'two listeners on one port');
    binds.add(`${listener.bind.address}:${listener.bind.port}`);
    assert.ok(listener.chains.length > 0);
    assert.equal(new Set(listener.chains.map((chain) => chain.name)).size, listener.chains.length);
    const serverNames = listener.chains.flatMap((chain) => chain.serverNames);
    assert.equal(new Set(serverNames).size, serverNames.length, 'one SNI in two chains');
    assert.ok(listener.chains.filter((chain) => chain.tls !== undefined && chain.serverNames.length === 0).length <= 1);
    for (const chain of listener.chains) for (const name of chain.tls?.certificates ?? []) assert.ok(names.has(name));
  }
  const tables = new Set(
    [...listeners.values()].flatMap(({ chains }) =>
      chains.flatMap(({ handler }) => (handler.type === 'http' ? [handler.table] : [])),
    ),
  );
  for (const [key, route] of routes.entries()) {
    assert.equal(key, route.key);
    assert.ok(tables.has(route.table), `${route.table} is no listener's`);
    if (route.action.type === 'forward')
      for (const { backend } of route.action.backends) assert.ok(backend === undefined || clusters.has(backend));
  }
}
