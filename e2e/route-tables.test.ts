import assert from 'node:assert/strict';
import { Agent, request, type Server } from 'node:http';
import { bucketHeader } from '../src/mesh/envoy/host-bucket.ts';
import { defaultEncodeOptions } from '../src/mesh/envoy/index.ts';
import {
  completeBackend,
  completeModel,
  completeRoute,
  type RouteInput,
  writeModel,
} from '../src/mesh/envoy/testing/model.ts';
import { fetchHost, type Mesh, type MeshRig, startMeshRig } from './support/mesh-rig.ts';
import { freePort, startBackend } from './support/proxy-rig.ts';

const backend = 'default/echo:80';
const forward = { type: 'forward', missingStatus: 500, backends: [{ backend, weight: 1 }] } as const;
const respond = (body: string) => ({ type: 'respond', status: 200, body }) as const;

describe('route tables in Envoy', () => {
  let rig: MeshRig;
  let echo: { server: Server; port: number };
  let port: number;
  const to = () => ({ address: '127.0.0.1', port });

  before(async () => {
    rig = await startMeshRig();
    echo = await startBackend((incoming, response) => {
      response.end(JSON.stringify({ url: incoming.url, headers: incoming.headers }));
    });
    port = await freePort();
  });
  after(async () => {
    await rig.stop();
    echo.server.closeAllConnections();
    echo.server.close();
  });

  /** One plain listener on `port`, the echo backend and these routes. */
  async function serve(
    routes: readonly RouteInput[],
    options: { bucketThreshold: number; buckets: readonly number[] },
  ): Promise<Mesh> {
    const mesh = rig.mesh({ ...defaultEncodeOptions, ...options });
    writeModel(
      mesh.tables,
      completeModel({
        listeners: [
          {
            name: 'web',
            bind: { address: '127.0.0.1', port, transport: 'tcp' },
            chains: [{ name: 'plain', serverNames: [], handler: { type: 'http', table: 'web' } }],
          },
        ],
        routes,
        backends: [completeBackend({ name: backend })],
        endpoints: [
          {
            backend,
            localities: [{ weight: 1, endpoints: [{ address: '127.0.0.1', port: echo.port, state: 'healthy' }] }],
          },
        ],
      }),
    );
    await rig.publish();
    assert.deepEqual(rig.rejections(), []);
    return mesh;
  }

  const layouts = [
    { name: 'one table', bucketThreshold: 256, buckets: [4, 16] },
    { name: 'buckets', bucketThreshold: 1, buckets: [4, 16] },
  ];
  for (const { name, ...options } of layouts)
    it(`finds a host however it is written, in ${name}`, async () => {
      const hosts = ['a.example.com', 'deep.b.example.com', '*.example.com', '*.b.example.com', '192.0.2.1', '*'];
      const mesh = await serve(
        [
          ...hosts.map((host) => ({ host, action: respond(host) })),
          { host: 'echo.example.com', action: forward },
          { host: 'a.example.com', match: { path: { type: 'prefix', value: '/cors' } }, cors, action: forward },
        ],
        options,
      );
      assert.equal(mesh.resources.layouts.get('web')?.lookup, options.bucketThreshold === 1 ? 4 : 0);
      const cases = {
        'a.example.com': [
          'a.example.com',
          'A.Example.COM',
          'a.example.com.',
          'a.example.com:8080',
          'A.example.com.:80',
        ],
        'deep.b.example.com': ['deep.b.example.com', 'deep.b.example.com.'],
        '*.b.example.com': ['x.b.example.com', 'x.y.B.example.com.', 'x.b.example.com:1'],
        '*.example.com': ['x.example.com', 'b.example.com', 'X.EXAMPLE.COM.:8080'],
        '192.0.2.1': ['192.0.2.1', '192.0.2.1:8080'],
        '*': ['example.com', 'other.org.', 'localhost:9', '[::1]:80', '192.0.2.2'],
      };
      for (const [host, written] of Object.entries(cases))
        for (const one of written) {
          assert.equal((await fetchHost(to(), one)).body, host, one);
          // What a client writes into our header leads it nowhere.
          assert.equal((await fetchHost(to(), one, '/', { [bucketHeader]: '1' })).body, host, one);
        }
      const seen = JSON.parse((await fetchHost(to(), 'echo.example.com', '/', { [bucketHeader]: 'x' })).body);
      assert.equal(seen.headers[bucketHeader], undefined);
      assert.equal(seen.headers.host, 'echo.example.com');
      // A filter that is off in the chain is on for the route that configures it.
      const preflight = await fetchHost(to(), 'A.example.com.', '/cors', { origin: 'https://app.example.com' });
      assert.equal(preflight.headers['access-control-allow-origin'], 'https://app.example.com');
    });

  it('fails no request while a table grows into buckets and back', async () => {
    const mesh = await serve(
      [
        { name: 'stable', host: 'stable.example.com', action: forward },
        { name: 'wild', host: '*.example.com', action: respond('wild') },
      ],
      { bucketThreshold: 8, buckets: [1, 2] },
    );
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    const failures: string[] = [];
    let requests = 0;
    let stop = false;
    const ask = (host: string) =>
      new Promise<void>((resolve) => {
        const outgoing = request({ host: '127.0.0.1', port, agent, headers: { host } }, (response) => {
          response.resume().on('end', resolve);
          if (response.statusCode !== 200) failures.push(`${host}: ${response.statusCode}`);
        });
        // A connection that Envoy closed while it was idle (it drains) says so before any answer: clients try again.
        outgoing.on('error', (error: NodeJS.ErrnoException) => {
          if (!(outgoing.reusedSocket && error.code === 'ECONNRESET')) failures.push(`${host}: ${error.message}`);
          resolve();
        });
        outgoing.end();
        requests++;
      });
    const client = async (host: string) => {
      while (!stop) await ask(host);
    };
    const clients = ['stable.example.com', 'stable.example.com', 'any.example.com', 'other.example.com'].map(client);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 36; i++) {
        const route = completeRoute({ name: `r${i}`, host: `h${i}.example.com`, action: respond(`h${i}`) }, i);
        mesh.tables.routes.set(route.key, route);
        await rig.publish();
        // Live at once, whatever the layout is now.
        assert.equal((await fetchHost(to(), `h${i}.example.com`)).body, `h${i}`);
      }
      assert.equal(mesh.resources.layouts.get('web')?.lookup, 2);
      for (let i = 0; i < 36; i++) mesh.tables.routes.delete(`r${i}#${i}`);
      await rig.publish();
      assert.deepEqual(mesh.resources.layouts.get('web'), { table: 'web', lookup: 0, served: [0, 1, 2] });
      assert.equal((await fetchHost(to(), 'h1.example.com')).body, 'wild');
    }
    stop = true;
    await Promise.all(clients);
    agent.destroy();
    console.log(`      ${requests} requests`);
    assert.ok(requests > 50);
    assert.deepEqual(failures, []);
  });

  it('replaces prefixes as the table of HTTPPathModifier has it', async () => {
    const rewrites: [prefix: string, replacement: string, path: string, expected: string][] = [
      ['/foo', '/xyz', '/foo/bar', '/xyz/bar'],
      ['/foo', '/xyz/', '/foo/bar', '/xyz/bar'],
      ['/foo', '/xyz', '/foo', '/xyz'],
      ['/foo', '/xyz', '/foo/', '/xyz/'],
      ['/foo', '', '/foo/bar', '/bar'],
      ['/foo', '', '/foo/', '/'],
      ['/foo', '', '/foo', '/'],
      ['/foo', '/', '/foo/', '/'],
      ['/foo', '/', '/foo', '/'],
      ['/foo', '/', '/foo/bar?q=/foo', '/bar?q=/foo'],
      ['/foo', '/', '/foo?q', '/?q'],
      ['/', '/all', '/bar', '/all/bar'],
      ['/', '/all/', '/bar?x', '/all/bar?x'],
      ['/', '/', '/bar', '/bar'],
      ['/a.b', '/', '/a.b/c', '/c'],
    ];
    await serve(
      rewrites.flatMap(([prefix, replacement], i): RouteInput[] => {
        const match = { path: { type: 'prefix', value: prefix } } as const;
        const path = { type: 'prefix', value: replacement } as const;
        return [
          { host: `f${i}.example.com`, match, action: { ...forward, rewrite: { path } } },
          {
            host: `r${i}.example.com`,
            match,
            action: { type: 'redirect', hostname: 'x.org', port: 80, path, status: 302 },
          },
        ];
      }),
      { bucketThreshold: 256, buckets: [4, 16] },
    );
    for (const [i, [prefix, replacement, path, expected]] of rewrites.entries()) {
      const label = `${path} with ${prefix} replaced by ${JSON.stringify(replacement)}`;
      assert.equal(JSON.parse((await fetchHost(to(), `f${i}.example.com`, path)).body).url, expected, label);
      const { headers } = await fetchHost(to(), `r${i}.example.com`, path);
      assert.equal(headers.location, `http://x.org${expected}`, `redirect of ${label}`);
    }
  });

  it('redirects to the right port', async () => {
    const cases: [action: object, host: string, location: string][] = [
      [{ scheme: 'https' }, 'a.example.com', 'https://a.example.com/'],
      [{ scheme: 'https' }, 'a.example.com:8080', 'https://a.example.com/'],
      [{ scheme: 'https', port: 8443 }, 'a.example.com:8080', 'https://a.example.com:8443/'],
      [{ hostname: 'b.example.com' }, 'a.example.com', `http://b.example.com:${port}/`],
      [{ hostname: 'b.example.com', port: 80 }, 'a.example.com:8080', 'http://b.example.com/'],
      [{ port: 81 }, 'a.example.com', 'http://a.example.com:81/'],
    ];
    for (const [action, host, location] of cases) {
      await serve([{ host: 'a.example.com', action: { type: 'redirect', status: 301, ...action } as never }], {
        bucketThreshold: 256,
        buckets: [4, 16],
      });
      const reply = await fetchHost(to(), host);
      assert.deepEqual(
        [reply.status, reply.headers.location],
        [301, location],
        `${JSON.stringify(action)} for ${host}`,
      );
    }
  });

  it('passes header values on as they are written', async () => {
    const value = '100% %REQ(host)% "quoted" \\ ä';
    await serve(
      [
        {
          host: '*',
          requestHeaders: { set: [{ name: 'x-value', value }] },
          action: { ...forward, rewrite: { path: { type: 'full', value: '/a\\1b' } } },
        },
      ],
      { bucketThreshold: 256, buckets: [4, 16] },
    );
    const seen = JSON.parse((await fetchHost(to(), 'a.example.com', '/x?y')).body);
    assert.equal(Buffer.from(seen.headers['x-value'], 'latin1').toString(), value);
    assert.equal(seen.url, '/a\\1b?y');
  });
});

const cors = {
  allowOrigins: ['https://app.example.com'],
  allowMethods: ['GET'],
  allowHeaders: [],
  exposeHeaders: [],
  allowCredentials: false,
  maxAge: 5,
};
