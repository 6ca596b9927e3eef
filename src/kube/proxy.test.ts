import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { connectKube } from './client.ts';
import { proxyFor } from './proxy.ts';
import { TestPki, TlsServer } from './testing/tls-server.ts';

describe('the proxy to an API server', () => {
  const chosen = (server: string, environment: NodeJS.ProcessEnv, proxyUrl?: string) =>
    proxyFor(new URL(server), proxyUrl, environment)?.href;

  it('is the one of the kubeconfig, or of the environment', () => {
    const HTTPS_PROXY = 'http://env:3128';
    assert.equal(chosen('https://a', {}), undefined);
    assert.equal(chosen('https://a', { HTTPS_PROXY }), 'http://env:3128/');
    assert.equal(chosen('https://a', { https_proxy: 'env:3128' }), 'http://env:3128/');
    assert.equal(chosen('http://a', { HTTPS_PROXY }), undefined);
    for (const here of ['localhost:6443', '127.0.0.1', '[::1]'])
      assert.equal(chosen(`https://${here}`, { HTTPS_PROXY }), undefined);
    assert.equal(chosen('https://a', { HTTPS_PROXY, NO_PROXY: 'a' }, 'https://config:1'), 'https://config:1/');
  });

  it('is not used for what NO_PROXY has', () => {
    const without = (server: string, NO_PROXY: string) =>
      chosen(server, { HTTPS_PROXY: 'http://p', NO_PROXY }) === undefined;
    for (const [server, list] of [
      ['https://a.example.com', 'example.com'],
      ['https://a.example.com', 'x, .example.com'],
      ['https://a.example.com', '*.example.com'],
      ['https://A.Example.com', 'a.EXAMPLE.com'],
      ['https://a', '*'],
      ['https://a:6443', 'a:6443'],
      ['https://10.96.0.1', '10.96.0.0/12'],
      ['https://10.96.0.1', '10.96.0.1'],
      ['https://[fd00::1]:443', 'fd00::/8'],
      ['https://[fd00::1]:443', '[fd00::1]:443'],
    ] as const)
      assert.ok(without(server, list), `${server} with ${list}`);
    for (const [server, list] of [
      ['https://a.example.com', ''],
      ['https://notexample.com', 'example.com'],
      ['https://a:6443', 'a:443'],
      ['https://10.96.0.1', '10.97.0.0/16'],
      ['https://10.96.0.1', '0.0.1'],
      ['https://10.96.0.1', '10.96.0.0/x, 10.96.0.0/99, fd00::/8'],
    ] as const)
      assert.ok(!without(server, list), `${server} with ${list}`);
  });

  it('must be one of HTTP, and its password is not told', () => {
    assert.throws(
      () => chosen('https://a', {}, 'socks5://user:secret@p:1080'),
      (error: Error) => {
        assert.match(error.message, /socks5:\/\/\*\*\*@p/);
        return true;
      },
    );
  });

  describe('in between', () => {
    let pki: TestPki;
    let server: TlsServer;
    let proxy: Server;
    let asked: string[];
    before(() => {
      pki = new TestPki();
    });
    after(() => pki.remove());
    beforeEach(async () => {
      server = await TlsServer.start(pki);
      asked = [];
      proxy = createServer().on('connect', (request: IncomingMessage, client: Socket) => {
        asked.push(`${request.url} ${request.headers['proxy-authorization'] ?? ''}`);
        if (request.headers['proxy-authorization'] === undefined) {
          client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
          return;
        }
        const to = connect(server.port, '127.0.0.1', () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
        client.pipe(to).pipe(client);
        client.on('error', () => to.destroy());
        to.on('error', () => client.destroy());
      });
      await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    });
    afterEach(async () => {
      await server.close();
      await new Promise((resolve) => proxy.close(resolve));
    });

    const through = (login: string) => {
      const { port } = proxy.address() as AddressInfo;
      const proxyUrl = `http://${login}127.0.0.1:${port}`;
      const cluster = { name: 'c', server: server.url, caFile: pki.path('ca.crt'), skipTLSVerify: false, proxyUrl };
      return connectKube({ cluster, user: { name: 'u' } }, 'sluice-test/1');
    };

    it('is gone through, to the end', async () => {
      const client = through('user:pass@');
      const { version } = await client.request<{ version: string }>({ method: 'GET', path: '/api' });
      client.close();
      assert.equal(version, '2.0');
      assert.deepEqual(asked, [`127.0.0.1:${server.port} Basic dXNlcjpwYXNz`]);
    });

    it('may refuse', async () => {
      const client = through('');
      await assert.rejects(client.request({ method: 'GET', path: '/api' }), {
        code: 'KUBE_UNREACHABLE',
        message: /proxy 127\.0\.0\.1:\d+: HTTP 407/,
      });
      client.close();
    });
  });
});
