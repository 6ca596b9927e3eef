import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, request } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { completeBackend, completeModel, type ModelInput, writeModel } from '../src/mesh/envoy/testing/model.ts';
import type { FilterChain } from '../src/mesh/model/index.ts';
import { fetchHost, type Mesh, type MeshRig, startMeshRig } from './support/mesh-rig.ts';
import { freePort } from './support/proxy-rig.ts';

const pem = (name: string) => readFileSync(new URL(`../src/mesh/gateway/testdata/certs/${name}`, import.meta.url));
const certificate = (name: string, files = name) => ({
  name,
  type: 'certificate',
  chain: pem(`${files}.crt`),
  key: pem(`${files}.key`),
});
const respond = (body: string) => ({ type: 'respond', status: 200, body }) as const;
const listening = async (server: { listen(port: number, address: string): unknown; address(): unknown }) => {
  await once(server.listen(0, '127.0.0.1') as never, 'listening');
  return (server.address() as AddressInfo).port;
};

describe('listeners in Envoy', () => {
  let rig: MeshRig;
  let port: number;
  const closers: (() => void)[] = [];

  before(async () => {
    rig = await startMeshRig();
  });
  beforeEach(async () => {
    port = await freePort();
  });
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });
  after(() => rig.stop());

  async function serve(
    chains: readonly FilterChain[],
    input: ModelInput,
    transport: 'tcp' | 'udp' = 'tcp',
  ): Promise<Mesh> {
    const mesh = rig.mesh();
    const listener = { name: 'it', bind: { address: '127.0.0.1', port, transport }, chains };
    writeModel(mesh.tables, completeModel({ ...input, listeners: [listener] }));
    await rig.publish();
    assert.deepEqual(rig.rejections(), []);
    return mesh;
  }
  const endpoint = (backend: string, backendPort: number) => ({
    backend,
    localities: [{ weight: 1, endpoints: [{ address: '127.0.0.1', port: backendPort, state: 'healthy' as const }] }],
  });

  interface Handshake {
    readonly body: string;
    readonly subject: string | undefined;
    readonly alpn: string | false | null;
  }
  /** One HTTP/1.1 request over TLS; rejects if the handshake or the connection fails. */
  async function overTls(options: {
    servername?: string;
    cert?: Buffer;
    key?: Buffer;
    alpn?: string[];
  }): Promise<Handshake> {
    const { alpn = ['http/1.1'], ...rest } = options;
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: alpn, ...rest });
    try {
      await once(socket, 'secureConnect');
      const subject = socket.getPeerCertificate().subject?.CN as string | undefined;
      if (socket.alpnProtocol === 'h2') return { body: '', subject, alpn: 'h2' };
      return { body: await exchange(socket), subject, alpn: socket.alpnProtocol };
    } finally {
      socket.destroy();
    }
  }
  async function exchange(socket: TLSSocket, host = 'x'): Promise<string> {
    socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    let text = '';
    for (;;) {
      const [chunk] = (await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [''])])) as [unknown];
      if (chunk === '' || typeof chunk === 'boolean') throw new Error(`closed after ${JSON.stringify(text)}`);
      text += String(chunk);
      const [head = '', body = ''] = text.split('\r\n\r\n');
      const length = /content-length: (\d+)/i.exec(head)?.[1];
      if (length !== undefined && body.length >= Number(length)) return body;
    }
  }

  it('chooses by SNI: exact, wildcard, none; plain HTTP beside it; TLS that is passed through', async () => {
    const upstream = createHttpsServer({ cert: pem('client.crt'), key: pem('client.key') }, (_request, response) => {
      response.end('passed through');
    });
    closers.push(() => upstream.close());
    const passPort = await listening(upstream);
    const http = (table: string) => ({ type: 'http', table }) as const;
    await serve(
      [
        { name: 'exact', serverNames: ['shop.example.com'], tls: { certificates: ['shop'] }, handler: http('exact') },
        { name: 'wild', serverNames: ['*.example.com'], tls: { certificates: ['wild'] }, handler: http('wild') },
        { name: 'any', serverNames: [], tls: { certificates: ['client'] }, handler: http('any') },
        {
          name: 'passthrough',
          serverNames: ['pass.example.com'],
          handler: { type: 'stream', backends: [{ backend: 'default/pass:443', weight: 1 }] },
        },
        { name: 'plain', serverNames: [], handler: http('plain') },
      ],
      {
        routes: ['exact', 'wild', 'any', 'plain'].map((table) => ({ table, host: '*', action: respond(table) })),
        secrets: ['shop', 'wild', 'client'].map((name) => certificate(name)),
        backends: [completeBackend({ name: 'default/pass:443', protocol: 'tcp' })],
        endpoints: [endpoint('default/pass:443', passPort)],
      },
    );
    const cases: [servername: string | undefined, body: string, subject: string][] = [
      ['shop.example.com', 'exact', 'shop'],
      ['SHOP.example.com', 'exact', 'shop'],
      ['other.example.com', 'wild', 'wild'],
      ['deep.other.example.com', 'wild', 'wild'],
      ['other.org', 'any', 'gateway client'],
      [undefined, 'any', 'gateway client'],
      ['pass.example.com', 'passed through', 'gateway client'],
    ];
    for (const [servername, body, subject] of cases) {
      const seen = await overTls(servername === undefined ? {} : { servername });
      assert.deepEqual([seen.body, seen.subject], [body, subject], servername ?? 'no SNI');
    }
    assert.equal((await overTls({ servername: 'shop.example.com', alpn: ['http/1.1', 'h2'] })).alpn, 'h2');
    assert.equal((await fetchHost({ address: '127.0.0.1', port }, 'a.org')).body, 'plain');
  });

  it('asks for client certificates', async () => {
    const chain = (name: string, mode: 'require' | 'allow-insecure'): FilterChain => ({
      name,
      serverNames: [`${name}.example.com`],
      tls: { certificates: ['shop'], clientValidation: { trust: 'clients', mode } },
      handler: { type: 'http', table: 'web' },
    });
    await serve([chain('strict', 'require'), chain('lax', 'allow-insecure')], {
      routes: [{ host: '*', action: respond('in') }],
      secrets: [certificate('shop'), { name: 'clients', type: 'trust', authorities: pem('client.crt') }],
    });
    const good = { cert: pem('client.crt'), key: pem('client.key') };
    const bad = { cert: pem('wild.crt'), key: pem('wild.key') };
    assert.equal((await overTls({ servername: 'strict.example.com', ...good })).body, 'in');
    await assert.rejects(overTls({ servername: 'strict.example.com' }));
    await assert.rejects(overTls({ servername: 'strict.example.com', ...bad }));
    for (const shown of [good, bad, {}])
      assert.equal((await overTls({ servername: 'lax.example.com', ...shown })).body, 'in');
  });

  it('rotates a certificate without touching open connections', async () => {
    const mesh = await serve(
      [{ name: 'web', serverNames: [], tls: { certificates: ['web'] }, handler: { type: 'http', table: 'web' } }],
      { routes: [{ host: '*', action: respond('in') }], secrets: [certificate('web', 'shop')] },
    );
    const open = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, servername: 'a.org' });
    closers.push(() => open.destroy());
    await once(open, 'secureConnect');
    assert.equal(await exchange(open), 'in');
    assert.equal((await overTls({ servername: 'a.org' })).subject, 'shop');
    writeModel(mesh.tables, completeModel({ secrets: [certificate('web', 'wild')] }));
    await rig.publish();
    assert.equal((await overTls({ servername: 'a.org' })).subject, 'wild');
    assert.equal(await exchange(open), 'in');
  });

  it('splits TCP connections by weight and closes the share of a backend that is missing', async () => {
    const server = createTcpServer((socket) => socket.on('error', () => {}).end('hello'));
    closers.push(() => server.close());
    const backends = [
      { backend: 'default/tcp:1', weight: 1 },
      { backend: undefined, weight: 1 },
    ];
    await serve([{ name: 'all', serverNames: [], handler: { type: 'stream', backends } }], {
      backends: [completeBackend({ name: 'default/tcp:1', protocol: 'tcp' })],
      endpoints: [endpoint('default/tcp:1', await listening(server))],
    });
    const answers = new Set<string>();
    const dial = async () => {
      let text = '';
      const socket = connectTcp({ host: '127.0.0.1', port });
      try {
        for await (const chunk of socket) text += chunk;
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET');
      }
      return text;
    };
    // Both within 64 tries, but for a chance of one in 2^63.
    for (let i = 0; i < 64 && answers.size < 2; i++) answers.add(await dial());
    assert.deepEqual([...answers].sort(), ['', 'hello']);
  });

  it('passes datagrams on', async () => {
    const server = createSocket('udp4');
    server.on('message', (message, from) => server.send(`echo ${message}`, from.port, from.address));
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => server.close());
    const backends = [{ backend: 'default/udp:53', weight: 1 }];
    await serve(
      [{ name: 'all', serverNames: [], handler: { type: 'stream', backends } }],
      {
        backends: [completeBackend({ name: 'default/udp:53', protocol: 'udp' })],
        endpoints: [endpoint('default/udp:53', server.address().port)],
      },
      'udp',
    );
    const client = createSocket('udp4');
    closers.push(() => client.close());
    client.send('hi', port, '127.0.0.1');
    const [answer] = await once(client, 'message');
    assert.equal(String(answer), 'echo hi');
  });

  it('upgrades to WebSocket, keeps the upstream server header, and adds none', async () => {
    const server = createHttpServer((incoming, response) => {
      if (incoming.url === '/named') response.setHeader('server', 'upstream/1');
      response.end(incoming.url);
    });
    server.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n');
      socket.on('data', (chunk: Buffer) => socket.write(chunk));
      socket.on('end', () => socket.end());
    });
    closers.push(() => server.close());
    closers.push(() => server.closeAllConnections());
    await serve([{ name: 'web', serverNames: [], handler: { type: 'http', table: 'web' } }], {
      routes: [
        {
          host: '*',
          action: { type: 'forward', missingStatus: 500, backends: [{ backend: 'default/web:80', weight: 1 }] },
        },
      ],
      backends: [completeBackend({ name: 'default/web:80' })],
      endpoints: [endpoint('default/web:80', await listening(server))],
    });
    const to = { address: '127.0.0.1', port };
    assert.equal((await fetchHost(to, 'a.org', '/named')).headers.server, 'upstream/1');
    const plain = await fetchHost(to, 'a.org', '/a/../b//c%2Fd');
    assert.equal(plain.headers.server, undefined);
    assert.equal(plain.headers['x-envoy-upstream-service-time'], undefined);
    assert.equal(plain.body, '/b//c%2Fd');
    const headers = { host: 'a.org', connection: 'Upgrade', upgrade: 'websocket' };
    const outgoing = request({ host: '127.0.0.1', port, headers }).end();
    const [, socket] = await once(outgoing, 'upgrade');
    closers.push(() => socket.destroy());
    socket.write('ping');
    const [echoed] = await once(socket, 'data');
    assert.equal(String(echoed), 'ping');
  });
});
