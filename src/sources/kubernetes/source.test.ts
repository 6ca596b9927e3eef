import assert from 'node:assert/strict';
import { configMap } from '../testing/conformance.ts';
import { SourceRig } from './testing/rig.ts';

describe('Kubernetes source', () => {
  let rig: SourceRig;
  const lists = () => rig.source.kinds()[0]?.lists;
  beforeEach(async () => {
    rig = await SourceRig.start();
  });
  afterEach(() => rig.close());

  const write = (name: string, value: string) => rig.server.write({ ...configMap(name, value) });
  const opened = async (options: Parameters<SourceRig['open']>[0] = {}) => {
    write('a', '1');
    await rig.open(options);
    await rig.untilWatched('ConfigMap');
  };

  it('watches from where the list ended, and again from where a watch did, without another list', async () => {
    await opened();
    write('a', '2');
    await rig.until(() => rig.value('a') === '2');
    rig.server.endWatches();
    await rig.untilWatched();
    write('a', '3');
    await rig.until(() => rig.value('a') === '3');
    assert.equal(lists(), 1);
  });

  it('loses nothing when a watch is cut off in the middle of an event', async () => {
    await opened();
    rig.server.cutWatches(true);
    write('a', '2');
    await rig.until(() => rig.value('a') === '2');
    assert.equal(lists(), 1);
    assert.ok((rig.source.kinds()[0]?.restarts ?? 0) > 0);
  });

  it('lists again when its version was compacted, and passes on only what is different', async () => {
    write('b', '1');
    write('c', '1');
    await opened();
    await rig.server.down();
    write('a', '2');
    rig.server.remove('ConfigMap', 'b');
    rig.server.compact();
    await rig.server.up();
    await rig.until(() => rig.value('a') === '2' && !rig.recorder.has('b'));
    assert.equal(lists(), 2);
    assert.deepEqual(
      rig.recorder.batches
        .slice(1)
        .flatMap(({ changes }) => changes.map(({ op }) => op))
        .sort(),
      ['delete', 'set'],
    );
    assert.equal(rig.source.kinds()[0]?.lastError?.code, 'KUBE_UNREACHABLE');
  });

  it('keeps all objects while there is no server, and goes on when it is back', async () => {
    await opened();
    await rig.server.down();
    await rig.until(() => rig.faults.length > 0);
    assert.equal(rig.value('a'), '1');
    write('a', '2');
    await rig.server.up();
    await rig.until(() => rig.value('a') === '2');
    assert.deepEqual(rig.recorder.deleted, []);
  });

  it('opens a watch anew that has gone silent', async () => {
    await opened({ tuning: { idleTimeout: 50 } });
    rig.server.stalled = true;
    write('a', '2');
    await rig.until(() => rig.faults.some(({ code }) => code === 'KUBE_STALLED'));
    rig.server.stalled = false;
    await rig.until(() => rig.value('a') === '2');
  });

  it('goes on from a bookmark: what is compacted before it is of no concern', async () => {
    await opened();
    // Of another kind, so the watch sees nothing of it but the bookmark.
    rig.server.write({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } });
    rig.server.bookmark();
    write('marker', '1');
    await rig.until(() => rig.recorder.has('marker'));
    rig.server.compact();
    rig.server.endWatches();
    await rig.untilWatched();
    write('a', '2');
    await rig.until(() => rig.value('a') === '2');
    assert.equal(lists(), 1);
  });

  for (const status of [500, 503, 429, 401])
    it(`tries again after ${status}`, async () => {
      write('a', '1');
      let refusals = 3;
      rig.server.intercept = (_request, _response, url) =>
        url.pathname.endsWith('/configmaps') && refusals-- > 0 ? status : false;
      await rig.open();
      assert.equal(rig.value('a'), '1');
      assert.ok(rig.faults.length > 0);
    });

  it('is not ready before it may read a kind, and says which permission is missing', async () => {
    write('a', '1');
    rig.server.write({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } });
    let granted = false;
    rig.server.intercept = (_request, _response, url) =>
      url.pathname.endsWith('/namespaces') && !granted ? 403 : false;
    const source = rig.begin({ selections: [{ kind: 'ConfigMap' }, { kind: 'Namespace' }] });
    await rig.until(() => rig.faults.length > 0);
    assert.equal(rig.faults[0]?.code, 'KUBE_FORBIDDEN');
    assert.equal(rig.recorder.batches.length, 0);
    granted = true;
    await source.ready;
    assert.deepEqual(rig.recorder.names, ['a', 'n']);
    assert.equal(rig.recorder.batches.length, 1);
  });

  it('does not take what is cut off, or no JSON, for a list', async () => {
    write('a', '1');
    rig.server.streamLists = false;
    const broken = ['{"items":[', '{"items":{}}', 'null', '[]', '<html>'];
    rig.server.intercept = (_request, response, url) => {
      if (!url.pathname.endsWith('/configmaps') || url.searchParams.has('watch')) return false;
      const text = broken.shift();
      if (text === undefined) return false;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(text);
      return true;
    };
    await rig.open();
    assert.equal(rig.value('a'), '1');
    assert.ok(rig.faults.every(({ code }) => code === 'KUBE_BAD_ANSWER'));
    assert.equal(broken.length, 0);
  });

  it('begins anew after an event that is none, from the last good one', async () => {
    await opened();
    for (const text of ['nonsense\n', '{"type":"MODIFIED"}\n', '{"type":"MODIFIED","object":{}}\n', '[]\n']) {
      rig.server.garble(text);
      await rig.untilWatched();
      await rig.untilWatched('ConfigMap');
    }
    write('a', '2');
    await rig.until(() => rig.value('a') === '2');
    assert.equal(lists(), 1);
  });

  it('reads a list in pages, and in one piece when the pages expire on the way', async () => {
    for (let i = 0; i < 25; i++) write(`m${i}`, 'x');
    rig.server.streamLists = false;
    rig.server.intercept = (_request, _response, url) => {
      if (url.searchParams.has('continue') && rig.server.requests.length < 8) rig.server.compact();
      return false;
    };
    await rig.open({ tuning: { pageSize: 10 } });
    assert.equal(rig.recorder.objects.size, 25);
    const asked = rig.server.requests.filter((path) => path.includes('/configmaps') && !path.includes('watch'));
    assert.deepEqual(
      asked.map((path) => [path.includes('limit'), path.includes('continue')]),
      [
        [true, false],
        [true, true],
        [false, false],
      ],
    );
  });

  it('asks a server that does not stream lists for pages: one too old for it, or where it is switched off', async () => {
    write('a', '1');
    rig.server.minor = '26+';
    await rig.open();
    assert.ok(!rig.server.requests.some((path) => path.includes('sendInitialEvents')));
    await rig.source.close();
    rig.recorder.objects.clear();
    rig.server.minor = '33';
    rig.server.streamLists = false;
    await rig.open();
    assert.ok(rig.server.requests.some((path) => path.includes('sendInitialEvents')));
    assert.deepEqual(rig.faults, []);
  });

  it('makes one batch of what arrives together', async () => {
    await opened();
    for (let i = 0; i < 50; i++) write(`m${i}`, 'x');
    for (let i = 0; i < 50; i++) write(`m${i}`, 'y');
    await rig.until(() => rig.value('m49') === 'y');
    assert.ok(rig.recorder.batches.length < 20, `${rig.recorder.batches.length} batches`);
  });

  it('says how each kind is doing', async () => {
    await opened({ selections: [{ kind: 'ConfigMap' }, { kind: 'TCPRoute' }] });
    write('bad', '1');
    rig.server.write({ ...configMap('bad', { value: 2 }) });
    await rig.until(() => rig.recorder.diagnostics.length > 0);
    const [maps, routes] = rig.source.kinds();
    assert.ok(maps !== undefined && maps.silence !== undefined && maps.silence >= 0);
    const { silence: _silence, ...rest } = maps;
    assert.deepEqual(rest, {
      kind: 'ConfigMap',
      version: 'v1',
      state: 'watching',
      objects: 2,
      bad: 1,
      lists: 1,
      watches: 1,
      restarts: 0,
      events: 2,
    });
    assert.equal(routes?.state, 'absent');
    assert.deepEqual(rig.source.stats(), { files: 0, documents: 2, objects: 2, bad: 1 });
  });

  it('can be closed at any time, and is silent from then on', async () => {
    rig.server.intercept = () => true;
    const waiting = rig.begin();
    await rig.server.until(() => rig.server.requests.length > 0);
    await waiting.close();
    await assert.rejects(waiting.ready);
    assert.equal(rig.recorder.batches.length, 0);
  });
});
