import assert from 'node:assert/strict';
import type { XdsClient } from './testing/client.ts';
import { cluster, endpoints, listener, routeTable, scope, virtualHost } from './testing/resources.ts';
import { type Rig, startRig } from './testing/rig.ts';

describe('delta xDS', () => {
  let rig: Rig;
  afterEach(() => rig.close());

  const responses = (client: XdsClient) =>
    client.log.map(({ response }) => [
      response.type,
      response.resources.map(({ name }) => name),
      ...(response.removed.length > 0 ? [response.removed] : []),
    ]);

  it('serves a wildcard, then only what changes', async () => {
    rig = await startRig();
    rig.cache.apply({ set: [cluster('a'), cluster('b')] });
    const client = rig.connect();
    client.subscribe('clusters');
    await client.until(() => client.names('clusters').length === 2);
    await rig.server.waitAcked(rig.cache.sequence);
    const sequence = rig.cache.apply({ set: [cluster('a'), cluster('b', 'changed'), cluster('c')] });
    await rig.server.waitAcked(sequence);
    assert.deepEqual(responses(client), [
      ['clusters', ['a', 'b']],
      ['clusters', ['b', 'c']],
    ]);
    assert.deepEqual(Buffer.from(client.get('clusters', 'b')?.body ?? []), Buffer.from(cluster('b', 'changed').body));
    assert.equal(client.get('clusters', 'b')?.version, rig.cache.get('clusters', 'b')?.version);
  });

  it('answers a wildcard of nothing, so that the client need not wait', async () => {
    rig = await startRig();
    const client = rig.connect();
    client.subscribe('listeners');
    await client.until(() => client.log.length === 1);
    assert.deepEqual(responses(client), [['listeners', []]]);
  });

  it('serves by name, says what does not exist, and brings it once it does', async () => {
    rig = await startRig();
    rig.cache.apply({ set: [endpoints('a', 1), endpoints('b', 2)] });
    const client = rig.connect();
    client.subscribe('endpoints', ['a-eds', 'late-eds']);
    await client.until(() => client.log.length === 2);
    assert.deepEqual(responses(client), [
      ['endpoints', [], ['late-eds']],
      ['endpoints', ['a-eds']],
    ]);
    await rig.server.waitAcked(rig.cache.apply({ set: [endpoints('late', 3), endpoints('b', 4)] }));
    assert.deepEqual(client.names('endpoints'), ['a-eds', 'late-eds']);
    client.unsubscribe('endpoints', ['a-eds']);
    client.subscribe('endpoints', ['b-eds']);
    await client.until(() => client.get('endpoints', 'b-eds') !== undefined);
    const sent = client.log.length;
    await rig.server.waitAcked(rig.cache.apply({ set: [endpoints('a', 9)] }));
    client.subscribe('endpoints', ['late-eds']);
    await client.until(() => client.log.length > sent);
    assert.deepEqual(responses(client).at(-1), ['endpoints', ['late-eds']], 'asked for again: sent again');
  });

  it('keeps a name that the wildcard still covers when it is unsubscribed, and drops all with the wildcard', async () => {
    rig = await startRig();
    rig.cache.apply({ set: [cluster('a'), cluster('b')] });
    const client = rig.connect();
    client.send({ type: 'clusters', subscribe: ['*', 'a'] });
    await client.until(() => client.names('clusters').length === 2);
    client.send({ type: 'clusters', unsubscribe: ['a'] });
    await client.until(() => client.log.length === 2);
    assert.deepEqual(responses(client).at(-1), ['clusters', ['a']]);
    client.send({ type: 'clusters', unsubscribe: ['*'], subscribe: ['b'] });
    await client.until(() => client.log.length === 3);
    await rig.server.waitAcked(rig.cache.apply({ set: [cluster('a', 'x'), cluster('b', 'x')] }));
    await client.until(() => client.log.length === 4);
    assert.deepEqual(responses(client).slice(2), [
      ['clusters', ['b']],
      ['clusters', ['b']],
    ]);
  });

  it('resumes with initial_resource_versions: what differs, and removals', async () => {
    rig = await startRig();
    rig.cache.apply({ set: [cluster('same'), cluster('changed'), cluster('gone')] });
    rig.cache.apply({ set: [endpoints('same', 1), endpoints('gone', 1)] });
    const client = rig.connect();
    client.subscribe('clusters');
    client.subscribe('endpoints', ['same-eds', 'gone-eds']);
    await client.until(() => client.names('clusters').length === 3 && client.names('endpoints').length === 2);
    client.disconnect();
    rig.cache.apply({
      set: [cluster('changed', 'v2'), cluster('new')],
      remove: [
        { type: 'clusters', name: 'gone' },
        { type: 'endpoints', name: 'gone-eds' },
      ],
    });
    const before = client.log.length;
    client.reconnect();
    await client.until(() => !client.names('endpoints').includes('gone-eds'));
    assert.deepEqual(responses(client).slice(before), [
      ['clusters', ['changed', 'new']],
      ['clusters', [], ['gone']],
      ['endpoints', [], ['gone-eds']],
    ]);
    client.unsubscribe('endpoints', ['gone-eds']);
    client.disconnect();
    const quiet = client.log.length;
    client.reconnect();
    // What comes next is the answer to this, so nothing came for the resumed types.
    client.subscribe('listeners');
    await client.until(() => client.log.length > quiet);
    assert.deepEqual(responses(client).slice(quiet), [['listeners', []]]);
  });

  it('sends the endpoints along with a cluster that is changed in place', async () => {
    rig = await startRig();
    rig.cache.apply({ set: [cluster('a'), endpoints('a', 1), cluster('b'), endpoints('b', 1)] });
    const client = rig.connect();
    client.subscribe('clusters');
    client.subscribe('endpoints', ['a-eds', 'b-eds']);
    await client.until(() => client.names('endpoints').length === 2);
    await rig.server.waitAcked(rig.cache.sequence);
    const before = client.log.length;
    await rig.server.waitAcked(rig.cache.apply({ set: [cluster('a', 'v2')] }));
    assert.deepEqual(responses(client).slice(before), [
      ['clusters', ['a']],
      ['endpoints', ['a-eds']],
    ]);
  });

  it('sends them also to a client that names its endpoints only after the changed cluster, on a resumed stream', async () => {
    rig = await startRig();
    rig.cache.apply({ set: [cluster('a'), endpoints('a', 1)] });
    const client = rig.connect();
    const held = { a: rig.cache.get('clusters', 'a')?.version ?? '' };
    const eds = rig.cache.get('endpoints', 'a-eds')?.version ?? '';
    rig.cache.apply({ set: [cluster('a', 'v2')] });
    client.send({ type: 'clusters', subscribe: ['*'], versions: held });
    await client.until(() => client.log.length === 1);
    client.send({ type: 'endpoints', subscribe: ['a-eds'], versions: { 'a-eds': eds } });
    await client.until(() => client.log.length === 2);
    assert.deepEqual(responses(client), [
      ['clusters', ['a']],
      ['endpoints', ['a-eds']],
    ]);
  });

  it('holds what names a new cluster until that is acknowledged, and removals until the end', async () => {
    rig = await startRig();
    const table = (target: string) => routeTable('t', [virtualHost('h', target)]);
    rig.cache.apply({ set: [cluster('old'), endpoints('old', 1), table('old'), listener('l')] });
    const client = rig.connect({ manual: true });
    const answer = (type: string) => client.answerAll((response) => response.type === type);
    client.subscribe('clusters');
    client.subscribe('endpoints', ['old-eds']);
    client.subscribe('routes', ['t', 'other']);
    client.subscribe('listeners');
    await client.until(() => client.unanswered.length === 3, 'clusters, endpoints and the missing route table');
    answer('clusters');
    await client.until(() => client.unanswered.length === 4);
    client.answerAll();
    const before = client.log.length;
    const sequence = rig.cache.apply({
      set: [cluster('new'), endpoints('new', 2), table('new'), routeTable('other', [virtualHost('o', 'old')])],
      remove: [
        { type: 'clusters', name: 'old' },
        { type: 'endpoints', name: 'old-eds' },
        { type: 'listeners', name: 'l' },
      ],
    });
    client.send({ type: 'endpoints', subscribe: ['new-eds'] });
    await client.until(() => client.unanswered.length === 3);
    answer('endpoints');
    answer('routes');
    answer('clusters');
    await client.until(() => client.unanswered.length === 1);
    for (const left of ['routes', 'listeners', 'clusters', 'endpoints']) {
      await client.until(() => client.unanswered.length === 1);
      assert.deepEqual(client.unanswered[0]?.type, left);
      client.answerAll();
    }
    await rig.server.waitAcked(sequence);
    assert.deepEqual(responses(client).slice(before), [
      ['clusters', ['new']],
      ['routes', ['other']],
      ['endpoints', ['new-eds']],
      ['routes', ['t']],
      ['listeners', [], ['l']],
      ['clusters', [], ['old']],
      ['endpoints', [], ['old-eds']],
    ]);
  });

  it('goes on when an answer never comes, and says so', async () => {
    rig = await startRig({ answerTimeout: 30 });
    rig.cache.apply({ set: [cluster('a'), routeTable('t', [virtualHost('h', 'a')])] });
    const client = rig.connect({ manual: true });
    client.subscribe('clusters');
    client.subscribe('routes', ['t']);
    await client.until(() => client.unanswered.length === 2, 'the route, with the cluster never answered');
    assert.ok(rig.lines.includes('warn no answer to a response in time: going on without it'));
    rig.cache.apply({ set: [cluster('a', 'v2')] });
    await client.until(() => client.unanswered.length === 3);
    client.answerAll();
    await rig.server.waitAcked(rig.cache.sequence);
    assert.equal(client.get('clusters', 'a')?.version, rig.cache.get('clusters', 'a')?.version);
  });

  it('coalesces changes of what is on its way', async () => {
    rig = await startRig();
    rig.cache.apply({ set: [endpoints('a', 1)] });
    const client = rig.connect({ manual: true });
    client.subscribe('endpoints', ['a-eds']);
    await client.until(() => client.unanswered.length === 1);
    for (let port = 2; port < 50; port++) rig.cache.apply({ set: [endpoints('a', port)] });
    client.answerAll();
    await client.until(() => client.unanswered.length === 1);
    client.answerAll();
    await rig.server.waitAcked(rig.cache.sequence);
    assert.equal(client.log.length, 2);
    assert.equal(client.get('endpoints', 'a-eds')?.version, rig.cache.get('endpoints', 'a-eds')?.version);
  });

  it('sends the table of a new scope along with it', async () => {
    rig = await startRig();
    rig.cache.apply({ set: [scope('s1', 't1'), routeTable('t1', []), routeTable('t2', [])] });
    const client = rig.connect();
    client.subscribe('scoped-routes');
    client.subscribe('routes', ['t1']);
    await client.until(() => client.get('routes', 't1') !== undefined);
    await rig.server.waitAcked(rig.cache.apply({ set: [scope('s2', 't2')] }));
    assert.deepEqual(responses(client).slice(-2), [
      ['scoped-routes', ['s2']],
      ['routes', ['t2']],
    ]);
  });

  it('cuts large sets into responses of about a megabyte', async () => {
    rig = await startRig();
    const label = 'x'.repeat(10_000);
    rig.cache.apply({ set: Array.from({ length: 500 }, (_, i) => cluster(`c${i}`, label)) });
    const client = rig.connect();
    client.subscribe('clusters');
    await client.until(() => client.names('clusters').length === 500);
    assert.ok(client.log.length >= 5);
    for (const { response } of client.log) assert.ok(response.resources.length <= 105);
  });

  it('tells several streams, each at its own pace', async () => {
    rig = await startRig();
    rig.cache.apply({ set: [cluster('a')] });
    const [quick, slow] = [rig.connect(), rig.connect({ manual: true })];
    quick.subscribe('clusters');
    slow.subscribe('clusters');
    await slow.until(() => slow.unanswered.length === 1);
    rig.cache.apply({ set: [cluster('b')] });
    await quick.until(() => quick.names('clusters').length === 2);
    assert.equal(rig.server.status().length, 2);
    slow.close();
    await rig.server.waitAcked(rig.cache.sequence);
  });
});
