import assert from 'node:assert/strict';
import { fromBinary } from '@bufbuild/protobuf';
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts';
import type { Resource } from '../mesh/envoy/resource.ts';
import type { XdsClient } from './testing/client.ts';
import type { ClientResource } from './testing/client-wire.ts';
import { cluster, endpoints, listener, routeTable, virtualHost } from './testing/resources.ts';
import { type Rig, startRig } from './testing/rig.ts';

/** Refuses whatever holds the word, as Envoy refuses a bad expression: with a message that names nothing. */
const refuseBad = ({ body }: ClientResource) => (Buffer.from(body).includes('bad-') ? 'Error: invalid' : undefined);

const hostsOf = (client: XdsClient, table: string) => {
  const { virtualHosts } = fromBinary(RouteConfigurationSchema, client.get('routes', table)?.body ?? new Uint8Array());
  return virtualHosts.map(({ name, routes }) => {
    const match = routes[0]?.match?.pathSpecifier;
    return match?.case === 'safeRegex' ? `${name} ${match.value.regex}` : name;
  });
};
const bodyOf = (resource: Resource | undefined) => Buffer.from(resource?.body ?? []);

for (const partial of [false, true]) {
  describe(`refusals by a client that applies ${partial ? 'the good part' : 'nothing'} of a refused response`, () => {
    let rig: Rig;
    afterEach(() => rig.close());

    it('finds the guilty ones among many and lets the others in', async () => {
      rig = await startRig();
      const many = Array.from({ length: 300 }, (_, i) => cluster(`c${i}`, i % 100 === 37 ? `bad-${i}` : ''));
      rig.cache.apply({ set: many });
      const client = rig.connect({ refuse: refuseBad, partial });
      client.subscribe('clusters');
      await client.until(() => client.names('clusters').length === 297);
      await rig.server.waitAcked(rig.cache.sequence);
      assert.deepEqual(rig.rejections.map(({ name }) => name).sort(), ['c137', 'c237', 'c37']);
      assert.equal(rig.rejections[0]?.message, 'Error: invalid');
      assert.deepEqual(rig.rejections[0]?.origins, [{ group: '', kind: 'Test', name: rig.rejections[0]?.name }]);
      assert.deepEqual(rig.server.status()[0]?.types.clusters?.rejected.length, 3);
    });

    it('keeps the last good version in force, does not repeat the bad one, and forgives with the next', async () => {
      rig = await startRig();
      rig.cache.apply({ set: [cluster('a'), cluster('b')] });
      const client = rig.connect({ refuse: refuseBad, partial });
      client.subscribe('clusters');
      await client.until(() => client.names('clusters').length === 2);
      await rig.server.waitAcked(rig.cache.apply({ set: [cluster('a', 'bad-1')] }));
      assert.deepEqual(Buffer.from(client.get('clusters', 'a')?.body ?? []), bodyOf(cluster('a')));
      const refused = client.log.length;
      await rig.server.waitAcked(rig.cache.apply({ set: [cluster('b', 'v2')] }));
      assert.equal(client.log.length, refused + 1);
      assert.deepEqual(rig.accepted, []);
      await rig.server.waitAcked(rig.cache.apply({ set: [cluster('a', 'v2')] }));
      assert.deepEqual(rig.accepted, rig.rejections);
      assert.deepEqual(rig.server.rejections(), []);
      assert.deepEqual(Buffer.from(client.get('clusters', 'a')?.body ?? []), bodyOf(cluster('a', 'v2')));
    });

    it('gives a new client the version that was accepted before the bad one', async () => {
      rig = await startRig();
      rig.cache.apply({ set: [cluster('a')] });
      const client = rig.connect({ refuse: refuseBad, partial });
      client.subscribe('clusters');
      await client.until(() => client.names('clusters').length === 1);
      await rig.server.waitAcked(rig.cache.apply({ set: [cluster('a', 'bad-1')] }));
      const fresh = rig.connect({ refuse: refuseBad, partial });
      fresh.subscribe('clusters');
      await fresh.until(() => fresh.names('clusters').length === 1);
      await rig.server.waitAcked(rig.cache.sequence);
      assert.deepEqual(Buffer.from(fresh.get('clusters', 'a')?.body ?? []), bodyOf(cluster('a')));
      assert.equal(fresh.log.length, 2);
      assert.equal(rig.rejections.length, 1);
    });

    it('forgives when the version that is in force all along comes back, and when the resource is removed', async () => {
      rig = await startRig();
      rig.cache.apply({ set: [cluster('a'), cluster('b')] });
      const client = rig.connect({ refuse: refuseBad, partial });
      client.subscribe('clusters');
      await client.until(() => client.names('clusters').length === 2);
      await rig.server.waitAcked(rig.cache.apply({ set: [cluster('a', 'bad-1'), cluster('b', 'bad-1')] }));
      assert.deepEqual(rig.rejections.map(({ name }) => name).sort(), ['a', 'b']);
      await rig.server.waitAcked(rig.cache.apply({ set: [cluster('a')], remove: [{ type: 'clusters', name: 'b' }] }));
      assert.deepEqual(rig.accepted.map(({ name }) => name).sort(), ['a', 'b']);
      assert.deepEqual(client.names('clusters'), ['a']);
    });

    it('leaves out the one bad virtual host of a new table, and names its owner', async () => {
      rig = await startRig();
      const hosts = Array.from({ length: 40 }, (_, i) => virtualHost(`h${i}`, 'c', i === 23 ? 'bad-[' : undefined));
      rig.cache.apply({ set: [routeTable('t', hosts), routeTable('u', [virtualHost('x', 'c')])] });
      const client = rig.connect({ refuse: refuseBad, partial });
      client.subscribe('routes', ['t', 'u']);
      await rig.until(() => rig.rejections.length > 0);
      await rig.server.waitAcked(rig.cache.sequence);
      assert.equal(hostsOf(client, 't').length, 39);
      assert.ok(!hostsOf(client, 't').some((host) => host.startsWith('h23')));
      assert.deepEqual(hostsOf(client, 'u'), ['x']);
      assert.deepEqual(
        rig.rejections.map(({ name, fragment, origins }) => [name, fragment, origins[0]?.name]),
        [['t', 'h23', 'h23']],
      );
    });

    it('keeps the last accepted form of a bad virtual host while the others change on', async () => {
      rig = await startRig();
      const table = (regex: string, ...others: string[]) =>
        routeTable('t', [virtualHost('h', 'c', regex), ...others.map((name) => virtualHost(name, 'c'))]);
      rig.cache.apply({ set: [table('good', 'x')] });
      const client = rig.connect({ refuse: refuseBad, partial });
      client.subscribe('routes', ['t']);
      await client.until(() => client.get('routes', 't') !== undefined);
      await rig.server.waitAcked(rig.cache.apply({ set: [table('bad-[', 'x', 'y')] }));
      assert.deepEqual(hostsOf(client, 't'), ['h good', 'x', 'y']);
      const refused = client.log.length;
      await rig.server.waitAcked(rig.cache.apply({ set: [table('bad-[', 'x', 'y', 'z')] }));
      assert.deepEqual(hostsOf(client, 't'), ['h good', 'x', 'y', 'z']);
      assert.equal(client.log.length, refused + 1, 'the known bad one is not tried again');
      assert.deepEqual(
        rig.rejections.map(({ fragment }) => fragment),
        ['h'],
      );
      await rig.server.waitAcked(rig.cache.apply({ set: [table('better', 'z')] }));
      assert.deepEqual(hostsOf(client, 't'), ['h better', 'z']);
      assert.deepEqual(rig.accepted, rig.rejections);
    });

    it('falls back to the last accepted form on a new stream too, and clears what the old one refused', async () => {
      rig = await startRig();
      const table = (regex: string) => routeTable('t', [virtualHost('h', 'c', regex), virtualHost('x', 'c')]);
      rig.cache.apply({ set: [table('good')] });
      const client = rig.connect({ refuse: refuseBad, partial });
      client.subscribe('routes', ['t']);
      await client.until(() => client.get('routes', 't') !== undefined);
      await rig.server.waitAcked(rig.cache.apply({ set: [table('bad-[')] }));
      client.reconnect();
      await rig.until(() => rig.server.status().some(({ types }) => types.routes?.rejected.length === 1));
      await rig.server.waitAcked(rig.cache.sequence);
      assert.deepEqual(hostsOf(client, 't'), ['h good', 'x']);
      const fresh = rig.connect({ refuse: refuseBad, partial });
      fresh.subscribe('routes', ['t']);
      await fresh.until(() => fresh.get('routes', 't') !== undefined);
      await rig.server.waitAcked(rig.cache.sequence);
      assert.deepEqual(hostsOf(fresh, 't'), ['h good', 'x']);
      await rig.server.waitAcked(rig.cache.apply({ set: [table('better')] }));
      assert.deepEqual(rig.server.rejections(), []);
      assert.equal(rig.accepted.length, 1);
    });

    it('refuses a table whole where its fault lies in no fragment', async () => {
      rig = await startRig();
      const bad = routeTable('bad-name', [virtualHost('h', 'c'), virtualHost('i', 'c')]);
      rig.cache.apply({ set: [bad, routeTable('t', [virtualHost('h', 'c')])] });
      const client = rig.connect({ refuse: refuseBad, partial });
      client.subscribe('routes', ['t', 'bad-name']);
      await rig.until(() => rig.rejections.length > 0);
      await client.until(() => client.get('routes', 't') !== undefined);
      assert.deepEqual(
        rig.rejections.map(({ name, fragment }) => [name, fragment]),
        [['bad-name', undefined]],
      );
      await rig.server.waitAcked(rig.cache.sequence);
    });
  });
}

describe('refusals and removals', () => {
  let rig: Rig;
  afterEach(() => rig.close());

  it('keeps the clusters that a refused route table still uses', async () => {
    rig = await startRig();
    const table = (regex: string, target: string) => routeTable('t', [virtualHost('h', target, regex)]);
    rig.cache.apply({ set: [table('good', 'old'), cluster('old'), endpoints('old', 1), cluster('unused')] });
    const client = rig.connect({ refuse: refuseBad });
    client.subscribe('clusters');
    client.subscribe('endpoints', ['old-eds']);
    client.subscribe('routes', ['t']);
    await client.until(() => client.get('routes', 't') !== undefined);
    const remove = (name: string) => ({ type: 'clusters' as const, name });
    const sequence = rig.cache.apply({
      set: [table('bad-[', 'new'), cluster('new')],
      remove: [remove('old'), remove('unused'), { type: 'endpoints', name: 'old-eds' }],
    });
    await rig.server.waitAcked(sequence);
    assert.deepEqual(client.names('clusters'), ['new', 'old']);
    assert.deepEqual(client.names('endpoints'), ['old-eds']);
    await rig.server.waitAcked(rig.cache.apply({ set: [table('better', 'new')] }));
    await client.until(() => client.names('clusters').length === 1 && client.names('endpoints').length === 0);
  });

  it('tries a listener again once the one in its way is gone, before calling it refused', async () => {
    rig = await startRig();
    rig.cache.apply({ set: [listener('before')] });
    let client: XdsClient | undefined;
    // As Envoy does with two listeners on one address.
    client = rig.connect({
      refuse: ({ name }) => (name === 'after' && client?.get('listeners', 'before') ? 'duplicate address' : undefined),
    });
    client.subscribe('listeners');
    await client.until(() => client?.get('listeners', 'before') !== undefined);
    const sequence = rig.cache.apply({ set: [listener('after')], remove: [{ type: 'listeners', name: 'before' }] });
    await client.until(() => client?.get('listeners', 'after') !== undefined);
    await rig.server.waitAcked(sequence);
    assert.deepEqual(client.names('listeners'), ['after']);
    assert.deepEqual(rig.rejections, []);
  });
});
