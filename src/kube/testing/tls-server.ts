import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Certificates of one authority in a folder that goes with the test. */
export class TestPki {
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-kube-'));

  constructor() {
    this.#issue('ca');
    this.#issue('server', 'ca');
    this.#issue('client', 'ca');
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  read(name: string): Buffer {
    return readFileSync(this.path(name));
  }

  write(name: string, content: string, mode = 0o600): string {
    writeFileSync(this.path(name), content, { mode });
    return this.path(name);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #issue(name: string, ca?: string): void {
    const request = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
    ];
    const files = ['-keyout', this.path(`${name}.key`), '-out', this.path(`${name}.crt`), '-subj', `/CN=${name}`];
    const names = ['-addext', 'subjectAltName=IP:127.0.0.1'];
    const signer = ca === undefined ? [] : ['-CA', this.path(`${ca}.crt`), '-CAkey', this.path(`${ca}.key`)];
    execFileSync('openssl', [...request, ...files, ...names, ...signer], { stdio: 'pipe' });
  }
}

export type Handler = (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void;

/** A server by TLS, that counts its connections. */
export class TlsServer {
  handler: Handler = (request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ path: request.url, headers: request.headers, version: request.httpVersion }));
  };
  connections = 0;
  readonly #server: http2.Http2SecureServer | https.Server;
  readonly #sockets = new Set<{ destroy(): void }>();

  private constructor(pki: TestPki, protocol: 'h2' | 'http/1.1', options: http2.SecureServerOptions) {
    const tls = { key: pki.read('server.key'), cert: pki.read('server.crt'), ca: pki.read('ca.crt'), ...options };
    const onRequest: Handler = (request, response) => this.handler(request, response);
    this.#server =
      protocol === 'h2'
        ? http2.createSecureServer({ ...tls, allowHTTP1: true }, onRequest)
        : https.createServer(tls, onRequest as unknown as RequestListener);
    this.#server.on('secureConnection', (socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(
    pki: TestPki,
    protocol: 'h2' | 'http/1.1' = 'h2',
    options: http2.SecureServerOptions = {},
  ): Promise<TlsServer> {
    const server = new TlsServer(pki, protocol, options);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** All connections at once, without a word. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }
}
