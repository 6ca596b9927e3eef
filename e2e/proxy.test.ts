import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { Agent, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { pino } from 'pino';
import { ClusterSchema } from '../src/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../src/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../src/gen/envoy/config/route/v3/route_pb.ts';
import { bucketHeader, hostBucket, hostBucketMutation } from '../src/mesh/envoy/host-bucket.ts';
import { activity } from '../src/proxy/drain.ts';
import { Envoy, type EnvoyOptions, findEnvoy } from '../src/proxy/index.ts';
import { type FixedAds, serveFixedAds } from './support/fixed-ads.ts';
import {
  backendCluster,
  freePort,
  httpListener,
  startBackend,
  tcpListener,
  temporaryDir,
} from './support/proxy-rig.ts';
import { until } from './support/until.ts';

const buckets = 7;

describe('Envoy process', () => {
  let dir: ReturnType<typeof temporaryDir>;
  let ads: FixedAds;
  let backend: Server;
  let port: number;
  let bucketPort: number;
  let tcpPort: number;
  let envoy: Envoy;
  let options: EnvoyOptions;
  /** Requests that the backend holds until a test lets them go. */
  const held: ServerResponse[] = [];
  const arrivals: IncomingMessage[] = [];

  before(async () => {
    dir = temporaryDir();
    const { server, port: backendPort } = await startBackend((request, response) => {
      arrivals.push(request);
      if (request.url === '/held') held.push(response);
      else response.end(JSON.stringify(request.headers));
    });
    backend = server;
    port = await freePort();
    bucketPort = await freePort();
    tcpPort = await freePort();
    const everything = { match: { pathSpecifier: { case: 'prefix', value: '/' } } } as const;
    const toBackend = {
      ...everything,
      action: { case: 'route', value: { clusterSpecifier: { case: 'cluster', value: 'backend' } } },
    } as const;
    const plain = httpListener(port, {
      routeSpecifier: {
        case: 'routeConfig',
        value: create(RouteConfigurationSchema, {
          name: 'plain',
          virtualHosts: [{ name: 'all', domains: ['*'], routes: [toBackend] }],
        }),
      },
    });
    const scoped = httpListener(bucketPort, {
      earlyHeaderMutationExtensions: [hostBucketMutation(buckets, 'table-')],
      routeSpecifier: {
        case: 'scopedRoutes',
        value: {
          name: 'scoped',
          scopeKeyBuilder: {
            fragments: [
              {
                type: {
                  case: 'headerValueExtractor',
                  value: { name: bucketHeader, extractType: { case: 'index', value: 0 } },
                },
              },
            ],
          },
          configSpecifier: {
            case: 'scopedRouteConfigurationsList',
            value: {
              scopedRouteConfigurations: Array.from({ length: buckets }, (_, bucket) => ({
                name: `scope-${bucket}`,
                key: { fragments: [{ type: { case: 'stringKey', value: `table-${bucket}` } }] },
                routeConfiguration: {
                  name: `table-${bucket}`,
                  requestHeadersToRemove: [bucketHeader],
                  responseHeadersToAdd: [{ header: { key: 'x-table', value: String(bucket) } }],
                  virtualHosts: [{ name: 'all', domains: ['*'], routes: [toBackend] }],
                },
              })),
            },
          },
        },
      },
    });
    const tcp = tcpListener(tcpPort);
    ads = await serveFixedAds(join(dir.path, 'xds.sock'), [
      ['backend', ClusterSchema, backendCluster(backendPort)],
      [plain.name, ListenerSchema, plain],
      [scoped.name, ListenerSchema, scoped],
      [tcp.name, ListenerSchema, tcp],
    ]);
    options = {
      stateDir: join(dir.path, 'envoy'),
      bootstrap: { node: { id: 'test', cluster: 'test' }, xdsSocket: join(dir.path, 'xds.sock') },
      logger: pino({ level: 'silent' }),
      concurrency: 1,
      binary: (await findEnvoy()).path,
    };
  });

  beforeEach(() => {
    held.length = 0;
    arrivals.length = 0;
    envoy = new Envoy(options);
  });
  afterEach(async () => {
    for (const response of held) response.destroy();
    await envoy.stop({ drainTime: 0 });
  });
  after(() => {
    ads.close();
    backend.closeAllConnections();
    backend.close();
    dir[Symbol.dispose]();
  });

  it('starts, serves and answers on its admin socket', async () => {
    const started = performance.now();
    await envoy.start(AbortSignal.timeout(60_000));
    console.log(`      start to ready: ${Math.round(performance.now() - started)} ms`);
    assert.deepEqual(ads.rejections, []);
    assert.equal(envoy.state, 'ready');
    assert.equal((await fetchText(port, '/')).status, 200);
    assert.equal(statSync(envoy.admin.socketPath).mode & 0o777, 0o600);
    assert.equal(await envoy.admin.ready(), true);
    assert.equal((await envoy.admin.serverInfo()).state, 'LIVE');
    const stats = await envoy.admin.stats('downstream_rq_2xx$');
    assert.equal(stats.get('http.ingress.downstream_rq_2xx'), 1);
    const clusters = await envoy.admin.clusters();
    assert.deepEqual([...clusters.keys()].sort(), ['backend', 'xds']);
    assert.equal(clusters.get('backend')?.[0]?.requests, 1);
    assert.equal((await envoy.admin.stats('^cluster\\.backend\\.')).size, 0, 'no statistics per cluster');
    assert.match(await envoy.admin.prometheus(), /^envoy_server_live\{?.* 1$/m);
    const dump = await envoy.admin.configDump('dynamic_listeners');
    assert.equal(dump.configs?.length, 3);
    await assert.rejects(envoy.admin.configDump('no_such'), { code: 'ENVOY_ADMIN_REFUSED' });
  });

  it('is back after kill -9', async () => {
    await envoy.start(AbortSignal.timeout(60_000));
    const [first, killed] = [envoy.pid!, performance.now()];
    const exited = once(envoy, 'exited');
    const ready = once(envoy, 'ready', { signal: AbortSignal.timeout(60_000) });
    process.kill(first, 'SIGKILL');
    assert.equal((await exited)[0].signal, 'SIGKILL');
    await ready;
    const answered = await fetchText(port, '/');
    console.log(`      kill -9 to served again: ${Math.round(performance.now() - killed)} ms`);
    assert.equal(answered.status, 200);
    assert.notEqual(envoy.pid, first);
    assert.equal(envoy.restarts, 1);
  });

  it('finishes a request in flight when stopped, and takes no new connection', async () => {
    await envoy.start(AbortSignal.timeout(60_000));
    const pid = envoy.pid!;
    const inFlight = fetchText(port, '/held');
    await until('the request', () => held.length > 0);
    const stopped = envoy.stop({ drainTime: 30_000 });
    await until('no connection to be taken', async () => !(await connects(port)));
    assert.ok(alive(pid), 'Envoy waits for the request');
    held[0]!.end('finished');
    assert.deepEqual(await inFlight, { status: 200, body: 'finished', connection: 'close', table: undefined });
    await stopped;
    assert.ok(!alive(pid));
    assert.equal(envoy.state, 'stopped');
  });

  it('waits for TCP connections when stopped, and not for idle keep-alive ones', async () => {
    await envoy.start(AbortSignal.timeout(60_000));
    const agent = new Agent({ keepAlive: true });
    const idle = get({ host: '127.0.0.1', port, agent });
    const [answer] = (await once(idle, 'response')) as [IncomingMessage];
    await once(answer.resume(), 'end');
    const tcp = connect(tcpPort, '127.0.0.1');
    // Through to the backend and back, so that Envoy counts the connection.
    tcp.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(tcp, 'data');
    assert.deepEqual(await activity(envoy.admin), { requests: 0, tcpConnections: 1 });
    let over = false;
    const stopped = envoy.stop({ drainTime: 30_000 }).then(() => {
      over = true;
    });
    await until('no connection to be taken', async () => !(await connects(port)));
    // That something does not happen can't be awaited: several of the drain's looks long.
    await delay(300);
    assert.equal(over, false);
    tcp.destroy();
    await stopped;
    agent.destroy();
  });

  it('goes on trying when it no longer starts, and says so', async () => {
    await envoy.start(AbortSignal.timeout(60_000));
    const bootstrap = join(options.stateDir, 'bootstrap.json');
    const good = readFileSync(bootstrap, 'utf8');
    writeFileSync(bootstrap, '{"no_such_field": 1}');
    const failing = once(envoy, 'failing', { signal: AbortSignal.timeout(60_000) });
    process.kill(envoy.pid!, 'SIGKILL');
    const [fault] = await failing;
    assert.equal(fault.code, 'ENVOY_START_FAILED');
    assert.match(fault.message, /no_such_field/);
    const ready = once(envoy, 'ready', { signal: AbortSignal.timeout(60_000) });
    writeFileSync(bootstrap, good);
    await ready;
    assert.equal((await fetchText(port, '/')).status, 200);
  });

  it('stops while it waits for its next start', async () => {
    await envoy.start(AbortSignal.timeout(60_000));
    writeFileSync(join(options.stateDir, 'bootstrap.json'), '{');
    const failing = once(envoy, 'failing', { signal: AbortSignal.timeout(60_000) });
    process.kill(envoy.pid!, 'SIGKILL');
    await failing;
    await envoy.stop();
    assert.equal(envoy.pid, undefined);
    assert.equal(envoy.state, 'stopped');
  });

  it('stops in bounded time with a request that never ends', async () => {
    await envoy.start(AbortSignal.timeout(60_000));
    const pid = envoy.pid!;
    const inFlight = assert.rejects(fetchText(port, '/held'));
    await until('the request', () => held.length > 0);
    await envoy.stop({ drainTime: 100 });
    await inFlight;
    assert.ok(!alive(pid));
  });

  it('picks the route table by the hash of the host', async () => {
    await envoy.start(AbortSignal.timeout(60_000));
    const label = fc.stringMatching(/^[a-zA-Z0-9]([a-zA-Z0-9-]{0,8}[a-zA-Z0-9])?$/);
    const host = fc.oneof(
      fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.')),
      fc.ipV6().map((ip) => `[${ip}]`),
    );
    const authority = fc
      .tuple(host, fc.constantFrom('', '.', ':80', '.:8443'))
      .map(([name, rest]) => (name.endsWith(']') ? name : name + rest));
    await fc.assert(
      fc.asyncProperty(authority, fc.nat(buckets), async (name, forged) => {
        const answer = await fetchText(bucketPort, '/', { host: name, [bucketHeader]: String(forged) });
        assert.equal(answer.table, String(hostBucket(name, buckets)));
        assert.equal(JSON.parse(answer.body)[bucketHeader], undefined, 'the backend does not see the header');
      }),
      { numRuns: 300 },
    );
  });

  it('reports a start that fails, with what Envoy said', async () => {
    const broken = new Envoy({
      ...options,
      modulesDir: '/',
      bootstrap: { ...options.bootstrap, node: { id: '', cluster: '' } },
    });
    await assert.rejects(broken.start(AbortSignal.timeout(60_000)), {
      code: 'ENVOY_START_FAILED',
      message: /node.*id.*cluster/s,
    });
    assert.equal(broken.pid, undefined);
    assert.equal(broken.state, 'stopped');
    const missing = new Envoy({ ...options, binary: '/no/such/envoy' });
    await assert.rejects(missing.start(), { code: 'ENVOY_START_FAILED' });
  });

  it('can be given up while it waits for its configuration', async () => {
    const waiting = new Envoy({
      ...options,
      bootstrap: { ...options.bootstrap, xdsSocket: join(dir.path, 'nobody.sock') },
    });
    const giveUp = new AbortController();
    const pid = once(waiting, 'starting').then(([id]) => id as number);
    const start = assert.rejects(waiting.start(giveUp.signal), /enough/);
    await until('its administration', () => waiting.admin.serverInfo().catch(() => undefined));
    giveUp.abort(new Error('enough'));
    await start;
    assert.ok(!alive(await pid));
  });

  it('refuses a state directory that another Envoy uses', async () => {
    await envoy.start(AbortSignal.timeout(60_000));
    const second = new Envoy(options);
    await assert.rejects(second.start(), { code: 'STATE_DIR_IN_USE' });
    assert.equal(await envoy.admin.ready(), true);
  });

  it('ends with its parent, however that dies', async () => {
    const script = `
      import { pino } from 'pino';
      import { Envoy } from ${JSON.stringify(import.meta.resolve('../src/proxy/index.ts'))};
      const envoy = new Envoy({ ...JSON.parse(process.argv[1]), logger: pino({ level: 'silent' }) });
      await envoy.start();
      console.log(envoy.pid);`;
    const { logger: _, ...plainOptions } = options;
    const parent: ChildProcess = spawn(
      process.execPath,
      ['--input-type=module', '-e', script, JSON.stringify(plainOptions)],
      {
        cwd: import.meta.dirname,
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const [line] = (await once(parent.stdout!, 'data')) as [Buffer];
    const pid = Number(line.toString());
    assert.ok(alive(pid));
    parent.kill('SIGKILL');
    await until('Envoy to end', () => !alive(pid));
  });
});

interface Answer {
  status: number;
  body: string;
  connection: string | undefined;
  table: string | undefined;
}

function fetchText(port: number, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = get(
      { host: '127.0.0.1', port, path, agent: false, headers: { connection: 'keep-alive', ...headers } },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        response.once('error', reject);
        response.once('end', () => {
          const { connection, 'x-table': table } = response.headers;
          resolve({ status: response.statusCode!, body, connection, table: table as string | undefined });
        });
      },
    );
    request.once('error', reject);
  });
}

async function connects(port: number): Promise<boolean> {
  return fetchText(port, '/').then(
    () => true,
    () => false,
  );
}

/** Whether the process runs; one that has ended and was not yet waited for does not. */
function alive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
