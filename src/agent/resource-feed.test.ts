import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Resource, ResourceType } from '../mesh/envoy/resource.ts';
import { Store } from '../store/index.ts';
import { ResourceCache } from '../xds/index.ts';
import { feedResources } from './resource-feed.ts';

const types = ['listeners', 'routes', 'clusters'] as const satisfies readonly ResourceType[];
const resource = (type: ResourceType, name: string, content: number): Resource => ({
  ...{ type, name, body: Uint8Array.of(content), version: String(content), origins: [] },
});

/** A write to one of two collections: keys are not names, so that a key's resource can change its name or type. */
const write = fc.record({
  collection: fc.nat(1),
  key: fc.nat(3),
  value: fc.option(fc.record({ type: fc.constantFrom(...types), content: fc.nat(3), renamed: fc.boolean() })),
  endsTurn: fc.boolean(),
});

function contentsOf(cache: ResourceCache) {
  return Object.fromEntries(
    types.map((type) => [type, [...cache.all(type).values()].map(({ name, version }) => `${name}=${version}`).sort()]),
  );
}

describe('resource feed', () => {
  it('keeps the cache equal to the collections, however writes fall into turns', () => {
    fc.assert(
      fc.property(fc.array(write, { maxLength: 40 }), (writes) => {
        const store = new Store({ schedule: () => {} });
        const tables = [store.table<Resource>('one'), store.table<Resource>('two')];
        const cache = new ResourceCache();
        const feed = feedResources(tables, cache);
        for (const { collection, key, value, endsTurn } of writes) {
          const table = tables[collection]!;
          // Each collection has names of its own, as the stages behind them do.
          const name = `${collection}/${key}${value?.renamed ? '-renamed' : ''}`;
          if (value === null) table.delete(String(key));
          else table.set(String(key), resource(value.type, name, value.content));
          if (!endsTurn) continue;
          store.flush();
          feed.publish();
        }
        store.flush();
        const sequence = feed.publish();
        assert.equal(sequence, cache.sequence);
        assert.equal(feed.publish(), sequence);
        const fresh = new ResourceCache();
        feedResources(tables, fresh).publish();
        assert.deepEqual(contentsOf(cache), contentsOf(fresh));
      }),
    );
  });
});
