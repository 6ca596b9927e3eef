import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { connectKube } from './client.ts';
import type { KubeClient, WatchEvent } from './index.ts';
import { Relay, TestPki, TlsServer } from './testing/tls-server.ts';

interface Echo {
  readonly path: string;
  readonly version: string;
  readonly headers: Readonly<Record<string, string>>;
}

describe('requests to an API server', () => {
  let pki: TestPki;
  let server: TlsServer;
  let client: KubeClient;
  before(() => {
    pki = new TestPki();
  });
  after(() => pki.remove());
  afterEach(async () => {
    client.close();
    await server.close();
  });

  const connect = (path = '', user: Record<string, unknown> = { token: 'secret' }) =>
    connectKube(
      {
        cluster: { name: 'c', server: `${server.url}${path}`, caFile: pki.path('ca.crt'), skipTLSVerify: false },
        user: { name: 'u', ...user },
      },
      'sluice-test/1',
    );
  const get = (path: string, more = {}) => client.request<Echo>({ method: 'GET', path, ...more });
  const events = (n: number) => `${JSON.stringify({ type: 'ADDED', object: { n } })}\n`;
  const watch = async (
    options: { idleTimeout?: number; signal?: AbortSignal } = {},
    onEvent = (_: WatchEvent) => {},
  ) => {
    const signal = options.signal ?? new AbortController().signal;
    for await (const event of client.watch({ path: '/w', ...options, signal })) onEvent(event);
  };

  for (const protocol of ['h2', 'http/1.1'] as const)
    describe(`by ${protocol}`, () => {
      beforeEach(async () => {
        server = await TlsServer.start(pki, protocol);
        client = connect();
      });

      it('say who asks, and what', async () => {
        client = connect('/prefix/');
        const { path, version, headers } = await get('/api', { query: { fieldSelector: 'a=b,c' } });
        assert.equal(path, '/prefix/api?fieldSelector=a%3Db%2Cc');
        assert.equal(version, protocol === 'h2' ? '2.0' : '1.1');
        assert.equal(headers.authorization, 'Bearer secret');
        assert.equal(headers['user-agent'], 'sluice-test/1');
        assert.equal(headers.accept, 'application/json');
      });

      it('carry a body with its type', async () => {
        const seen: string[] = [];
        server.handler = (request, response) => {
          let body = '';
          request.on('data', (chunk) => {
            body += chunk;
          });
          request.on('end', () => {
            seen.push(`${request.method} ${request.headers['content-type']} ${body}`);
            response.writeHead(200, { 'content-type': 'application/json' });
            response.end('{}');
          });
        };
        await client.request({ method: 'POST', path: '/x', body: { a: 1 } });
        await client.request({ method: 'PATCH', path: '/x', body: { a: 2 } });
        const contentType = 'application/apply-patch+yaml';
        await client.request({ method: 'PATCH', path: '/x', body: { a: 3 }, contentType });
        assert.deepEqual(seen, [
          'POST application/json {"a":1}',
          'PATCH application/merge-patch+json {"a":2}',
          'PATCH application/apply-patch+yaml {"a":3}',
        ]);
      });

      it('share connections', async () => {
        for (let i = 0; i < 20; i++) await get('/api');
        assert.equal(server.connections, 1);
        await Promise.all(Array.from({ length: 50 }, () => get('/api')));
        if (protocol === 'h2') assert.equal(server.connections, 1);
      });

      it('fail with what the server said', async () => {
        server.handler = (_request, response) => {
          response.writeHead(409, { 'content-type': 'application/json' });
          response.end(JSON.stringify({ reason: 'AlreadyExists', message: 'it is there' }));
        };
        await assert.rejects(get('/x'), {
          code: 'KUBE_CONFLICT',
          status: 409,
          reason: 'AlreadyExists',
          message: 'GET /x: it is there',
        });
        await assert.rejects(watch(), { code: 'KUBE_CONFLICT', message: 'watch /w: it is there' });
      });

      it('end when they take too long, or are called off', async () => {
        server.handler = () => {};
        await assert.rejects(get('/x', { timeout: 20 }), { code: 'KUBE_TIMEOUT' });
        const abort = new AbortController();
        const asked = get('/x', { signal: abort.signal });
        abort.abort(new Error('enough'));
        await assert.rejects(asked, { message: 'enough' });
        await assert.rejects(get('/x', { signal: abort.signal }), { message: 'enough' });
      });

      it('watch to the end of the answer', async () => {
        server.handler = (_request, response) => {
          response.writeHead(200, { 'content-type': 'application/json' });
          response.write(events(1) + events(2));
          response.end(events(3));
        };
        const seen: unknown[] = [];
        await watch({}, ({ object }) => seen.push(object.n));
        assert.deepEqual(seen, [1, 2, 3]);
      });

      it('tell a watch that was cut off from one that ended', async () => {
        server.handler = (_request, response) => {
          response.writeHead(200, { 'content-type': 'application/json' });
          response.write(events(1));
        };
        await assert.rejects(
          watch({}, () => server.cut()),
          { code: 'KUBE_UNREACHABLE' },
        );
      });

      it('end a watch that is silent, and one that nobody wants any more', async () => {
        server.handler = (_request, response) => {
          response.writeHead(200, { 'content-type': 'application/json' });
          response.write(events(1));
        };
        await assert.rejects(watch({ idleTimeout: 30 }), { code: 'KUBE_STALLED' });
        const abort = new AbortController();
        await watch({ signal: abort.signal }, () => abort.abort());
      });

      it('pass on the error in a watch after the events before it', async () => {
        const status = { code: 410, reason: 'Expired', message: 'too old' };
        server.handler = (_request, response) => {
          response.writeHead(200, { 'content-type': 'application/json' });
          response.end(`${events(1)}${JSON.stringify({ type: 'ERROR', object: status })}\n${events(2)}`);
        };
        const seen: unknown[] = [];
        await assert.rejects(
          watch({}, ({ object }) => seen.push(object.n)),
          { code: 'KUBE_GONE', status: 410 },
        );
        assert.deepEqual(seen, [1]);
      });

      it('go on after all connections were lost', async () => {
        await get('/api');
        server.cut();
        await get('/api');
      });
    });

  it('open another connection when one has as many streams as it takes', async () => {
    server = await TlsServer.start(pki, 'h2', { settings: { maxConcurrentStreams: 3 } });
    client = connect();
    let waiting = 0;
    const release: (() => void)[] = [];
    const full = new Promise<void>((resolve) => {
      server.handler = (_request, response) => {
        release.push(() => response.end());
        if (++waiting === 8) resolve();
      };
    });
    await connectedOnce();
    const asked = Array.from({ length: 8 }, () => get('/x'));
    await full;
    assert.ok(server.connections >= 3, `${server.connections} connections`);
    for (const each of release) each();
    await Promise.all(asked);

    /** The limit comes with the first answer. */
    async function connectedOnce(): Promise<void> {
      const { handler } = server;
      server.handler = (_request, response) => response.end();
      await get('/first');
      server.handler = handler;
    }
  });

  it('notice a server that is gone without a word, and make another connection', async () => {
    server = await TlsServer.start(pki);
    const relay = await Relay.to(server.port);
    const cluster = { name: 'c', server: relay.url, caFile: pki.path('ca.crt'), skipTLSVerify: false };
    client = connectKube({ cluster, user: { name: 'u' } }, 'sluice-test/1', { after: 20, timeout: 20 });
    const { handler } = server;
    server.handler = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(events(1));
    };
    await assert.rejects(
      watch({}, () => relay.freeze()),
      { code: 'KUBE_UNREACHABLE' },
    );
    server.handler = handler;
    await get('/api');
    assert.equal(server.connections, 2);
    await relay.close();
  });

  it('keep a silent connection whose server is there', async () => {
    server = await TlsServer.start(pki);
    const cluster = { name: 'c', server: server.url, caFile: pki.path('ca.crt'), skipTLSVerify: false };
    client = connectKube({ cluster, user: { name: 'u' } }, 'sluice-test/1', { after: 5, timeout: 5000 });
    const pinged = server.pings(5);
    server.handler = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(events(1));
      void pinged.then(() => response.end());
    };
    await watch();
    assert.equal(server.connections, 1);
  });

  it('show a certificate', async () => {
    server = await TlsServer.start(pki, 'h2', { requestCert: true, rejectUnauthorized: true });
    client = connect('', { certFile: pki.path('client.crt'), keyFile: pki.path('client.key') });
    assert.equal((await get('/api')).headers.authorization, undefined);
    const stranger = connect();
    await assert.rejects(stranger.request({ method: 'GET', path: '/api' }), { code: /^KUBE_/ });
    stranger.close();
  });

  it('refuse a server of another authority, and say so', async () => {
    server = await TlsServer.start(pki);
    const other = new TestPki();
    client = connectKube(
      {
        cluster: { name: 'c', server: server.url, caFile: other.path('ca.crt'), skipTLSVerify: false },
        user: { name: 'u' },
      },
      'sluice-test/1',
    );
    await assert.rejects(get('/api'), { code: 'KUBE_TLS', hint: /certificate authority/ });
    other.remove();
  });

  it('do not wait for a connection any longer than they may', async () => {
    server = await TlsServer.start(pki);
    // Takes connections, and says nothing: no TLS.
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    client = connectKube(
      { cluster: { name: 'c', server: `https://127.0.0.1:${port}`, skipTLSVerify: true }, user: { name: 'u' } },
      'sluice-test/1',
    );
    await assert.rejects(get('/api', { timeout: 20 }), { code: 'KUBE_TIMEOUT' });
    silent.close();
  });

  it('say where there is no server', async () => {
    server = await TlsServer.start(pki);
    const free = await freePort();
    client = connectKube(
      { cluster: { name: 'c', server: `https://127.0.0.1:${free}`, skipTLSVerify: true }, user: { name: 'u' } },
      'sluice-test/1',
    );
    await assert.rejects(get('/api'), { code: 'KUBE_UNREACHABLE', message: new RegExp(`127\\.0\\.0\\.1:${free}`) });
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}
