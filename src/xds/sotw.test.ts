import assert from 'node:assert/strict';
import { cluster, endpoints, listener, routeTable, virtualHost } from './testing/resources.ts';
import { type Rig, startRig } from './testing/rig.ts';

describe('state-of-the-world xDS', () => {
  let rig: Rig;
  afterEach(() => rig.close());

  it('serves everything, changes and removals', async () => {
    rig = await startRig();
    rig.cache.apply({ set: [cluster('a'), cluster('b'), endpoints('a', 1), endpoints('b', 1)] });
    const client = rig.connect({ protocol: 'sotw' });
    client.subscribe('clusters');
    client.subscribe('endpoints', ['a-eds', 'b-eds', 'none-eds']);
    await client.until(() => client.names('clusters').length === 2 && client.names('endpoints').length === 2);
    rig.cache.apply({ set: [cluster('c'), endpoints('a', 2)], remove: [{ type: 'clusters', name: 'a' }] });
    await rig.server.waitAcked(rig.cache.sequence);
    await client.until(() => client.names('clusters').join() === 'b,c');
    assert.deepEqual(Buffer.from(client.get('endpoints', 'a-eds')?.body ?? []), Buffer.from(endpoints('a', 2).body));
  });

  it('answers an empty wildcard, and sends only the changed ones of types that need not be whole', async () => {
    rig = await startRig();
    rig.cache.apply({ set: [endpoints('a', 1), endpoints('b', 1)] });
    const client = rig.connect({ protocol: 'sotw' });
    client.subscribe('listeners');
    client.subscribe('endpoints', ['a-eds', 'b-eds']);
    await client.until(() => client.log.length === 2);
    await rig.server.waitAcked(rig.cache.sequence);
    await rig.server.waitAcked(rig.cache.apply({ set: [endpoints('b', 2), listener('l')] }));
    assert.deepEqual(
      client.log.map(({ response }) => response.resources.map(({ name }) => name)),
      [[], ['a-eds', 'b-eds'], ['b-eds'], ['l']],
    );
  });

  it('follows names as they come and go', async () => {
    rig = await startRig();
    rig.cache.apply({ set: [endpoints('a', 1), endpoints('b', 1)] });
    const client = rig.connect({ protocol: 'sotw' });
    client.subscribe('endpoints', ['a-eds']);
    await client.until(() => client.names('endpoints').length === 1);
    client.subscribe('endpoints', ['b-eds']);
    await client.until(() => client.names('endpoints').length === 2);
    client.unsubscribe('endpoints', ['a-eds']);
    await rig.server.waitAcked(rig.cache.apply({ set: [endpoints('b', 2)] }));
    await client.until(() => client.log.length === 3);
    await rig.server.waitAcked(rig.cache.apply({ set: [endpoints('a', 2)] }));
    client.subscribe('endpoints', ['a-eds']);
    await client.until(() => client.log.length === 4);
    assert.deepEqual(
      client.log[3]?.response.resources.map(({ name }) => name),
      ['a-eds'],
    );
  });

  it('makes before it breaks: new cluster, then the route, then the whole without the old cluster', async () => {
    rig = await startRig();
    const table = (target: string) => routeTable('t', [virtualHost('h', target)]);
    rig.cache.apply({ set: [cluster('old'), table('old')] });
    const client = rig.connect({ protocol: 'sotw' });
    client.subscribe('clusters');
    client.subscribe('routes', ['t']);
    await client.until(() => client.get('routes', 't') !== undefined);
    await rig.server.waitAcked(rig.cache.sequence);
    const before = client.log.length;
    await rig.server.waitAcked(
      rig.cache.apply({ set: [cluster('new'), table('new')], remove: [{ type: 'clusters', name: 'old' }] }),
    );
    assert.deepEqual(
      client.log.slice(before).map(({ response }) => response.resources.map(({ name }) => name).sort()),
      [['new', 'old'], ['t'], ['new']],
    );
  });

  it('narrows a refusal down, keeping the accepted form of the guilty one in every response', async () => {
    rig = await startRig();
    const all = (label: (i: number) => string) => Array.from({ length: 20 }, (_, i) => cluster(`c${i}`, label(i)));
    rig.cache.apply({ set: all(() => '') });
    const refuse = ({ body }: { body: Uint8Array }) => (Buffer.from(body).includes('bad-') ? 'no' : undefined);
    const client = rig.connect({ protocol: 'sotw', refuse });
    client.subscribe('clusters');
    await client.until(() => client.names('clusters').length === 20);
    await rig.server.waitAcked(rig.cache.apply({ set: all((i) => (i === 7 ? 'bad-7' : 'v2')) }));
    assert.deepEqual(
      rig.rejections.map(({ name }) => name),
      ['c7'],
    );
    for (let i = 0; i < 20; i++) {
      assert.deepEqual(
        Buffer.from(client.get('clusters', `c${i}`)?.body ?? []),
        Buffer.from(cluster(`c${i}`, i === 7 ? '' : 'v2').body),
      );
    }
  });

  it('sends nothing to a client that comes back with the present version, and all to any other', async () => {
    rig = await startRig();
    rig.cache.apply({ set: [cluster('a'), cluster('b')] });
    const client = rig.connect({ protocol: 'sotw' });
    client.subscribe('clusters');
    await client.until(() => client.names('clusters').length === 2);
    await rig.server.waitAcked(rig.cache.sequence);
    client.reconnect();
    client.subscribe('listeners');
    await client.until(() => client.log.length === 2);
    assert.equal(client.log[1]?.response.type, 'listeners');
    client.disconnect();
    rig.cache.apply({ set: [cluster('c')] });
    client.reconnect();
    await client.until(() => client.names('clusters').length === 3);
  });
});
