import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { createLog } from '../lib/log.ts';
import { type ApiServer, serveApi } from './api-server.ts';

describe('the agent API', () => {
  let folder: string;
  let socket: string;
  let api: ApiServer;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-api-'));
    socket = join(folder, 'agent.sock');
    api = await serveApi({
      socket,
      tcp: { address: '127.0.0.1', port: 0 },
      handlers: {
        '/healthz': () => ({ body: 'ok\n' }),
        '/v1/query': (query) => ({ body: { kind: query.get('kind') } }),
        '/v1/broken': () => Promise.reject(new Error('not now')),
      },
      publicPaths: ['/healthz'],
      log: createLog({ level: 'silent', format: 'json' }),
    });
  });
  afterEach(async () => {
    await api.close();
    await rm(folder, { recursive: true });
  });

  it('answers on its socket, which is open to its owner only', async () => {
    assert.equal((await stat(socket)).mode & 0o777, 0o600);
    assert.deepEqual(await ask({ socketPath: socket, path: '/healthz' }), { status: 200, body: 'ok\n' });
    assert.deepEqual(await ask({ socketPath: socket, path: '/v1/query?kind=Ingress' }), {
      status: 200,
      body: '{"kind":"Ingress"}\n',
    });
  });

  it('shows on the TCP address what is public and nothing else', async () => {
    assert.equal((await ask({ port: api.port, path: '/healthz' })).status, 200);
    assert.equal((await ask({ port: api.port, path: '/v1/query' })).status, 404);
  });

  it('answers what it does not know, cannot do and failed at', async () => {
    assert.equal((await ask({ socketPath: socket, path: '/__proto__' })).status, 404);
    assert.equal((await ask({ socketPath: socket, path: '/healthz', method: 'POST' })).status, 405);
    assert.deepEqual(await ask({ socketPath: socket, path: '/v1/broken' }), { status: 500, body: 'not now\n' });
  });

  it('gets a TCP address that is taken as soon as it is free', async () => {
    const holder = createServer((_request, response) => response.end('the one before'));
    await once(holder.listen(0, '127.0.0.1'), 'listening');
    const { port } = holder.address() as AddressInfo;
    const later = await serveApi({
      tcp: { address: '127.0.0.1', port },
      handlers: { '/healthz': () => ({ body: 'the one that came\n' }) },
      publicPaths: ['/healthz'],
      log: createLog({ level: 'silent', format: 'json' }),
    });
    try {
      assert.equal(later.port, undefined);
      assert.equal((await ask({ port, path: '/healthz', agent: false })).body, 'the one before');
      holder.close();
      let answered: string | undefined;
      for (; answered === undefined; await delay(20))
        answered = await ask({ port, path: '/healthz', agent: false }).then(
          ({ body }) => body,
          () => undefined,
        );
      assert.equal(answered, 'the one that came\n');
    } finally {
      await later.close();
    }
    await assert.rejects(ask({ port, path: '/healthz', agent: false }), /ECONNREFUSED/);
  });

  it('survives request targets that are no URL', async () => {
    for (const target of ['//', 'http://[', '*', '/%zz?%']) {
      const answer = await new Promise<string>((resolve, reject) => {
        const stream = connect(api.port ?? 0, '127.0.0.1');
        stream.once('error', reject);
        stream.end(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
        text(stream).then(resolve, reject);
      });
      assert.match(answer, /^HTTP\/1\.1 404 /, target);
    }
    assert.equal((await ask({ port: api.port, path: '/healthz' })).status, 200);
  });
});

async function ask(options: RequestOptions & { port?: number | undefined }): Promise<{ status: number; body: string }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(options, resolve).on('error', reject).end();
  });
  return { status: response.statusCode ?? 0, body: await text(response) };
}
