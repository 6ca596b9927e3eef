import assert from 'node:assert/strict';
import type { AnyObject, Ingress } from '../../api/index.ts';
import { setObject } from '../inputs.ts';
import { ingress, type Plane, path, plane, rule, service, tlsSecret } from './testing/objects.ts';

/** Names of the outputs that a change touched, and how often each kind of step ran for it. */
function change(target: Plane, objects: readonly AnyObject[]): { touched: string[]; runs: Record<string, number> } {
  const touched: string[] = [];
  const stops = Object.entries(target.outputs).map(([name, collection]) =>
    collection.observe((changes: readonly { readonly key: string }[]) => {
      touched.push(...changes.map(({ key }) => `${name} ${key}`));
    }),
  );
  const counters = target.store.collections as readonly { name: string; runs?: number }[];
  const before = counters.map(({ runs = 0 }) => runs);
  for (const object of objects) setObject(target.tables, object);
  target.store.flush();
  for (const stop of stops) stop();
  const runs = counters.map(({ name, runs: after = 0 }, i) => [name, after - (before[i] ?? 0)] as const);
  return { touched: touched.sort(), runs: Object.fromEntries(runs.filter(([, count]) => count > 0)) };
}

const many = 2_000;
const plain = (i: number): Ingress => ingress(`i${i}`, { rules: [rule(`h${i}.example.com`, path('/', `s${i % 50}`))] });

describe('ingress at scale', () => {
  const objects: AnyObject[] = [tlsSecret('shop', 'shop')];
  for (let i = 0; i < 50; i++) objects.push(service(`s${i}`));
  for (let i = 0; i < many; i++) objects.push(plain(i));
  objects.push(
    ingress('tls', {
      tls: [{ hosts: ['shop.example.com'], secretName: 'shop' }],
      rules: [rule('shop.example.com', path('/', 's1'))],
    }),
  );

  it('one more Ingress without TLS touches its own outputs, and no listener', () => {
    const target = plane(objects);
    const { touched, runs } = change(target, [plain(many)]);
    assert.deepEqual(touched, [
      'backends ingress|default/i2000|default/s0:80',
      'routes ingress/https|h2000.example.com|prefix|/',
      'routes ingress/http|h2000.example.com|prefix|/',
      'statuses Ingress.networking.k8s.io/default/i2000',
    ]);
    const most = Math.max(...Object.values(runs));
    assert.ok(most <= 3, JSON.stringify(runs));
    assert.equal(runs['ingress/listeners'], undefined);
  });

  it('a Secret that rotates changes the secret alone', () => {
    const target = plane(objects);
    const { touched } = change(target, [tlsSecret('shop', 'shop-rsa')]);
    assert.deepEqual(touched, ['secrets ingress|Ingress.networking.k8s.io/default/tls|default/shop']);
  });

  it('a Service that changes touches the Ingresses that refer to it', () => {
    const target = plane(objects);
    const { touched, runs } = change(target, [service('s7', { ports: [{ name: 'http', port: 81 }] })]);
    assert.equal(runs['ingress/claims'], many / 50);
    assert.ok(touched.every((name) => !name.startsWith('listeners')));
    assert.equal(touched.filter((name) => name.startsWith('diagnostics')).length, many / 50);
  });

  it('thousands of bad Ingresses are diagnostics each, and the good one is served', () => {
    const bad = (i: number): Ingress =>
      ingress(
        `bad${i}`,
        {
          tls: [{ secretName: `gone${i}` }, { hosts: ['*.a.example.com'] }],
          defaultBackend: { resource: { apiGroup: 'x.example.com', kind: 'Bucket', name: 'b' } },
          rules: [
            rule('good.example.com', path('/', 'gone'), path('/(', 's1', 'ImplementationSpecific')),
            rule(undefined, path('/', 's1', 'Prefix', { name: 'absent' })),
          ],
        },
        {
          creationTimestamp: '2025-01-01T00:00:00Z',
          annotations: {
            'ingress.cilium.io/request-timeout': `${'9'.repeat(1000)}s`,
            'ingress.cilium.io/host-listener-port': i % 2 === 0 ? '9000' : '-1',
            [`ingress.cilium.io/x${i}`]: 'x'.repeat(1000),
          },
        },
      );
    const target = plane([
      service('s1'),
      ingress('good', { rules: [rule('good.example.com', path('/', 's1'))] }),
      ...Array.from({ length: many }, (_, i) => bad(i)),
    ]);
    assert.equal(target.outputs.diagnostics.size, many);
    const route = target.outputs.routes.get('ingress/http|good.example.com|prefix|/');
    assert.equal(route?.name, 'Ingress default/good rule 0 path 0');
    assert.equal(target.outputs.listeners.size, 2);
  });

  it('an annotation of a megabyte is one short diagnostic', () => {
    const huge = ingress('huge', { rules: [rule('a.example.com', path('/'))] });
    const annotations = { 'ingress.cilium.io/request-timeout': 's'.repeat(1 << 20) };
    const target = plane([service('web'), { ...huge, metadata: { ...huge.metadata, annotations } }]);
    const [problem] = [...target.outputs.diagnostics.values()].flat();
    assert.equal(problem?.reason, 'InvalidAnnotation');
    assert.ok((problem?.message.length ?? 0) < 300);
    assert.equal(target.outputs.routes.size, 1);
  });
});
