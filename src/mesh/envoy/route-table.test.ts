import assert from 'node:assert/strict';
import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import type { VirtualHost } from '../../gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../../gen/envoy/config/route/v3/route_pb.ts';
import { ScopedRouteConfigurationSchema } from '../../gen/envoy/config/route/v3/scoped_route_pb.ts';
import type { HttpRoute } from '../model/index.ts';
import { hostBucket } from './host-bucket.ts';
import { defaultEncodeOptions } from './index.ts';
import type { LayoutOptions } from './route-layout.ts';
import { scopePrefix } from './route-table.ts';
import { completeModel, completeRoute, meshOf, writeModel } from './testing/model.ts';

type Mesh = ReturnType<typeof meshOf>;
const tables = ['web', 'other'];
/** Cut in two above 4 hosts, in six above 64. */
const layout: LayoutOptions = { bucketThreshold: 4, buckets: [2, 6] };
const listeners = completeModel({
  listeners: tables.map((table, i) => ({
    name: table,
    bind: { address: '127.0.0.1', port: 80 + i, transport: 'tcp' },
    chains: [{ name: 'plain', serverNames: [], handler: { type: 'http', table } }],
  })),
});

function mesh(options: Partial<LayoutOptions> = layout): Mesh {
  const made = meshOf({ ...defaultEncodeOptions, ...layout, ...options });
  writeModel(made.tables, listeners);
  return made;
}

const route = (table: string, host: string, body: string): HttpRoute => ({
  ...completeRoute({ table, host, action: { type: 'respond', status: 200, body } }, 0),
  key: `${table} ${host} ${body}`,
});

/** Envoy's choice of a virtual host: exact, then the longest wildcard, then `*`. */
function virtualHost(made: Mesh, configuration: string, host: string): VirtualHost | undefined {
  const resource = made.resources.routes.get(configuration);
  assert.ok(resource, `no RouteConfiguration ${configuration}`);
  const { virtualHosts } = fromBinary(RouteConfigurationSchema, resource.body);
  const byDomain = new Map(virtualHosts.map((one) => [one.domains[0], one]));
  assert.equal(byDomain.size, virtualHosts.length, 'a domain twice');
  const labels = host.split('.');
  const candidates = [host, ...labels.map((_, i) => `*.${labels.slice(i + 1).join('.')}`), '*'];
  return byDomain.get(candidates.find((domain) => byDomain.has(domain)) ?? '');
}

/** What Envoy answers from, by way of the scope that it finds for the host's bucket. */
function throughBuckets(made: Mesh, table: string, buckets: number, host: string): VirtualHost | undefined {
  const key = `${scopePrefix(table, buckets)}${hostBucket(host, buckets)}`;
  const scopes = [...made.resources.scopedRoutes.values()]
    .map((resource) => fromBinary(ScopedRouteConfigurationSchema, resource.body))
    .filter((scope) => scope.key?.fragments[0]?.type.value === key);
  assert.equal(scopes.length, 1, `scopes for ${key}`);
  return virtualHost(made, scopes[0]?.routeConfigurationName ?? '', host);
}

const many = Array.from({ length: 70 }, (_, i) => `h${i}.example.com`);
const hosts = [...many.slice(0, 8), '*.example.com', '*.com', '*'];
const probes = [...many.slice(0, 10), 'x.example.com', 'x.y.example.com', 'a.com', 'a.org'];

const operation = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      table: fc.constantFrom(...tables),
      host: fc.constantFrom(...hosts),
      body: fc.constantFrom('a', 'b'),
      set: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.constant('flush' as const) },
  { weight: 1, arbitrary: fc.constant('clear' as const) },
  { weight: 1, arbitrary: fc.constant('fill' as const) },
);

describe('route tables', () => {
  it('serve the same in every layout, and incrementally the same as built anew', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80, size: 'max' }), (operations) => {
        const live = mesh();
        for (const one of operations) {
          if (one === 'flush') live.store.flush();
          else if (one === 'fill')
            for (const made of many.map((host) => route('web', host, 'a'))) live.tables.routes.set(made.key, made);
          else if (one === 'clear') for (const key of [...live.tables.routes.keys()]) live.tables.routes.delete(key);
          else {
            const made = route(one.table, one.host, one.body);
            if (one.set) live.tables.routes.set(made.key, made);
            else live.tables.routes.delete(made.key);
          }
        }
        live.store.flush();
        const single = mesh({ bucketThreshold: 1e9 });
        for (const [key, value] of [...live.tables.routes.entries()].reverse()) single.tables.routes.set(key, value);
        single.store.flush();
        for (const table of tables) {
          const now = live.resources.layouts.get(table);
          assert.ok(now);
          seen.add(`${now.lookup} of ${now.served}`);
          for (const host of probes) {
            const expected = virtualHost(single, table, host);
            for (const buckets of now.served)
              assert.deepEqual(
                buckets === 0 ? virtualHost(live, table, host) : throughBuckets(live, table, buckets, host),
                expected,
              );
          }
        }
      }),
      { numRuns: 200 },
    );
    assert.deepEqual(
      [...seen].sort(),
      ['0 of 0', '0 of 0,2', '0 of 0,2,6', '0 of 0,6', '2 of 2', '2 of 2,6', '6 of 2,6', '6 of 6'],
      'every layout was met',
    );
  });

  it('grows above the threshold, goes back below a quarter of it and keeps the buckets for connections that drain', () => {
    const made = mesh({ bucketThreshold: 8 });
    const seen: string[] = [];
    const add = (i: number) => {
      const one = route('web', `h${i}.example.com`, 'a');
      made.tables.routes.set(one.key, one);
      made.store.flush();
    };
    const remove = (i: number) => {
      made.tables.routes.delete(route('web', `h${i}.example.com`, 'a').key);
      made.store.flush();
    };
    made.resources.layouts.observe((changes) =>
      seen.push(...changes.map((change) => `${made.tables.routes.size}: ${change.new?.lookup}`)),
    );
    for (let i = 0; i < 12; i++) add(i);
    for (let i = 0; i < 12; i++) remove(i);
    for (let i = 0; i < 12; i++) add(i);
    assert.deepEqual(seen, ['1: 0', '1: 0', '9: 2', '1: 0', '9: 2']);
    assert.equal(made.resources.scopedRoutes.size, 2);
  });

  it('change one resource for one more host, and neither listeners nor scopes', () => {
    const made = mesh({ bucketThreshold: 16, buckets: [64] });
    const fill = (from: number, to: number) => {
      for (let i = from; i < to; i++) {
        const one = route('web', `h${i}.example.com`, 'a');
        made.tables.routes.set(one.key, one);
      }
      made.store.flush();
    };
    fill(0, 500);
    const changed: string[] = [];
    for (const collection of made.resources.all)
      collection.observe((changes) => changed.push(...changes.map(({ key }) => key)));
    fill(500, 501);
    assert.deepEqual(changed, [`web~${hostBucket('h500.example.com', 64)}of64`]);
  });

  it('stay one table where too many wildcards would be copied into every bucket', () => {
    const made = meshOf({ ...defaultEncodeOptions, bucketThreshold: 2, buckets: [65_536] });
    writeModel(made.tables, listeners);
    for (let i = 0; i < 5; i++) {
      const one = route('web', `*.w${i}.example.com`, 'a');
      made.tables.routes.set(one.key, one);
      const other = route('web', `h${i}.example.com`, 'a');
      made.tables.routes.set(other.key, other);
    }
    made.store.flush();
    assert.equal(made.resources.layouts.get('web')?.lookup, 0);
    assert.equal(made.resources.routes.size, tables.length);
  });

  it('have versions of their content, fragments that make up their body, and the objects behind them', () => {
    const [one, two] = [mesh(), mesh()];
    for (const made of [one, two]) {
      for (const host of ['b.example.com', 'a.example.com', '*']) {
        const entry = route('web', host, 'a');
        made.tables.routes.set(entry.key, entry);
      }
      made.store.flush();
    }
    const resource = one.resources.routes.get('web');
    assert.ok(resource?.fragments && resource.head);
    assert.equal(resource.version, two.resources.routes.get('web')?.version);
    assert.notEqual(resource.version, one.resources.routes.get('other')?.version);
    assert.deepEqual(
      Buffer.concat([resource.head, ...resource.fragments.map(({ bytes }) => bytes)]),
      Buffer.from(resource.body),
    );
    assert.deepEqual(
      resource.fragments.map(({ key }) => key),
      ['*', 'a.example.com', 'b.example.com'],
    );
    assert.deepEqual(
      resource.origins.map(({ name }) => name),
      ['route'],
    );
  });
});
