import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Rejection, Resource } from '../src/mesh/envoy/resource.ts';
import { Envoy } from '../src/proxy/index.ts';
import { ResourceCache, serveXds, type XdsServer } from '../src/xds/index.ts';
import { cluster, endpoints, routeTable, scope, virtualHost } from '../src/xds/testing/resources.ts';
import { freePort, startBackend, temporaryDir } from './support/proxy-rig.ts';
import {
  ask,
  askUntil,
  certificate,
  httpUntil,
  scopedListener,
  secret,
  tlsListener,
  tlsToUpstream,
} from './support/xds-rig.ts';

/** One Envoy and one cache; the tests build on each other, as a day of changes does. */
describe('xDS with a real Envoy', () => {
  const log = pino({ level: 'silent' });
  const dir = temporaryDir();
  const path = join(dir.path, 'xds.sock');
  const rejections: Rejection[] = [];
  const accepted: Rejection[] = [];
  const backends: Server[] = [];
  const backendPorts: number[] = [];
  let cache = new ResourceCache();
  let server: XdsServer;
  let envoy: Envoy;
  let port: number;

  const serve = () =>
    serveXds({
      cache,
      log,
      unix: path,
      answerTimeout: 500,
      onRejection: (rejection) => rejections.push(rejection),
      onAccepted: (rejection) => accepted.push(rejection),
    });
  const table = (...hosts: [name: string, cluster: string, regex?: string][]) =>
    routeTable(
      'table',
      hosts.map((host) => virtualHost(...host)),
    );
  const apply = (set: Resource[], remove: Parameters<ResourceCache['apply']>[0]['remove'] = []) =>
    server.waitAcked(cache.apply({ set, remove }));
  const body = (text: string) => (answer: { body: string }) => answer.body === text;

  before(async () => {
    for (const name of ['a', 'b']) {
      const backend = await startBackend((_, response) => response.end(name));
      backends.push(backend.server);
      backendPorts.push(backend.port);
    }
    port = await freePort();
    cache.apply({
      set: [
        ...[
          cluster('a'),
          endpoints('a', backendPorts[0] as number),
          secret('cert', certificate(dir.path, 'first.test')),
        ],
        ...[tlsListener(port, 'table', 'cert'), table(['one.test', 'a'], ['two.test', 'a', '/old.*'])],
      ],
    });
    server = await serve();
    envoy = new Envoy({
      stateDir: join(dir.path, 'envoy'),
      bootstrap: { node: { id: 'e2e', cluster: 'sluice' }, xdsSocket: path },
      logger: log,
      concurrency: 1,
      stdout: 'ignore',
      drainTime: 0,
    });
    await envoy.start();
  });

  after(async () => {
    await envoy?.stop();
    await server?.close();
    for (const backend of backends) backend.close();
    dir[Symbol.dispose]();
  });

  it('serves a listener, its route table, cluster, endpoints and certificate', async () => {
    const answer = await askUntil(port, 'one.test', body('a'));
    assert.equal(answer.certificate, 'first.test');
    const [status] = server.status();
    assert.equal(status?.node, 'e2e');
    assert.match(status?.envoyVersion ?? '', /^1\.\d+\.\d+$/);
    assert.deepEqual(Object.keys(status?.types ?? {}).sort(), [
      'clusters',
      'endpoints',
      'listeners',
      'routes',
      'secrets',
    ]);
  });

  it('moves a route to a new cluster and takes the old one away without a failed request', async () => {
    let moving = true;
    const statuses = new Set<number>();
    const load = (async () => {
      while (moving) statuses.add((await ask(port, 'one.test')).status);
    })();
    for (let round = 0; round < 10; round++) {
      const [from, to] = round % 2 === 0 ? ['a', 'b'] : ['b', 'a'];
      await apply(
        [
          ...[cluster(to), endpoints(to, backendPorts[to === 'a' ? 0 : 1] as number)],
          table(['one.test', to], ['two.test', to, '/old.*']),
        ],
        [
          { type: 'clusters', name: from },
          { type: 'endpoints', name: `${from}-eds` },
        ],
      );
      await askUntil(port, 'one.test', body(to));
      // Changed in place: Envoy waits for its endpoints, but never asks.
      await apply([cluster(to, `round ${round}`)]);
    }
    moving = false;
    await load;
    assert.deepEqual([...statuses], [200]);
    assert.deepEqual(rejections, []);
  });

  it('keeps a bad regular expression to its own virtual host, with the reason that Envoy gives', async () => {
    const b = [cluster('b'), endpoints('b', backendPorts[1] as number)];
    await apply([...b, table(['one.test', 'b'], ['two.test', 'a', '/new(.*'], ['three.test', 'b'])]);
    assert.deepEqual(
      rejections.map(({ type, name, fragment, origins }) => [type, name, fragment, origins[0]?.name]),
      [['routes', 'table', 'two.test', 'two.test']],
    );
    assert.match(rejections[0]?.message ?? '', /missing \)/);
    await askUntil(port, 'one.test', body('b'));
    await askUntil(port, 'three.test', body('b'));
    assert.equal((await ask(port, 'two.test', '/old/1')).body, 'a', 'its last good form');
    assert.equal((await ask(port, 'two.test', '/new')).status, 404);
    await apply([table(['one.test', 'b'], ['two.test', 'a', '/new.*'], ['three.test', 'b'])]);
    await askUntil(port, 'two.test', body('a'), '/new');
    assert.deepEqual(accepted, rejections);
  });

  it('lets good clusters in beside one that Envoy refuses', async () => {
    rejections.length = 0;
    const bad = cluster('bad', '', { connectTimeout: { seconds: -1n, nanos: 0 } });
    const good = ['c', 'd', 'e'].flatMap((name) => [cluster(name), endpoints(name, backendPorts[0] as number)]);
    await apply([bad, ...good, table(['one.test', 'b'], ['four.test', 'd'])]);
    assert.deepEqual(
      rejections.map(({ type, name }) => [type, name]),
      [['clusters', 'bad']],
    );
    assert.match(rejections[0]?.message ?? '', /positive duration/);
    await askUntil(port, 'four.test', body('a'));
    await apply([], [{ type: 'clusters', name: 'bad' }]);
    assert.deepEqual(server.rejections(), []);
  });

  it('rotates a certificate', async () => {
    await apply([secret('cert', certificate(dir.path, 'second.test'))]);
    await askUntil(port, 'one.test', ({ certificate: name }) => name === 'second.test');
  });

  it('serves a new scope and its table, both on one push', async () => {
    const scoped = await freePort();
    await apply([scopedListener(scoped), scope('first', 't-first'), routeTable('t-first', [virtualHost('*', 'b')])]);
    await httpUntil(scoped, 'first', 200);
    await apply([scope('second', 't-second'), routeTable('t-second', [virtualHost('*', 'b')])]);
    await httpUntil(scoped, 'second', 200);
    await apply([], [{ type: 'scoped-routes', name: 'second' }]);
    await httpUntil(scoped, 'second', 404);
    await httpUntil(scoped, 'first', 200);
  });

  it('goes on with other clusters and routes while one cluster can never warm', async () => {
    const stuck = cluster('stuck', '', tlsToUpstream('no-such-secret'));
    cache.apply({ set: [stuck, endpoints('stuck', 1)] });
    await server.waitAcked(cache.sequence, ['endpoints']);
    cache.apply({ set: [cluster('f'), endpoints('f', backendPorts[0] as number), table(['one.test', 'f'])] });
    await askUntil(port, 'one.test', body('a'));
    await apply([table(['one.test', 'b'])], [{ type: 'clusters', name: 'f' }]);
    await apply([], [{ type: 'clusters', name: 'stuck' }]);
  });

  it('is resumed after a restart without sending anything again, and removes what has gone meanwhile', async () => {
    await server.close();
    assert.equal((await ask(port, 'one.test')).body, 'b', 'Envoy goes on alone');
    const before = cache;
    cache = new ResourceCache();
    const all = (['listeners', 'routes', 'clusters', 'endpoints', 'secrets'] as const).flatMap((type) => [
      ...before.all(type).values(),
    ]);
    cache.apply({ set: all.filter(({ name }) => name !== 'c' && name !== 'c-eds') });
    server = await serve();
    const host = 'five.test';
    const changed = new Promise<void>((resolve) => {
      const poll = () => {
        const types = server.status()[0]?.types;
        if (types?.clusters && types.endpoints && types.listeners && types.routes && types.secrets) resolve();
        else setImmediate(poll);
      };
      poll();
    });
    await changed;
    const { clusters, endpoints: eds, listeners, routes, secrets } = server.status()[0]?.types ?? {};
    const nonces = [clusters, eds, listeners, routes, secrets].map((type) => type?.nonce);
    assert.deepEqual(nonces, ['', '', '', '', '']);
    await apply([table(['one.test', 'b'], [host, 'b'])]);
    await askUntil(port, host, body('b'));
    const known = await envoy.admin.clusters();
    assert.ok(known.has('b') && !known.has('c'), [...known.keys()].join());
  });
});
