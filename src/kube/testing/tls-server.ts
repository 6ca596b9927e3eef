import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
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

  /** Resolves when clients that connect from now on have pinged so often. */
  pings(count: number): Promise<void> {
    let left = count;
    return new Promise((resolve) => {
      (this.#server as http2.Http2SecureServer).on('session', (session) =>
        session.on('ping', () => {
          if (--left === 0) resolve();
        }),
      );
    });
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

/** Passes bytes between a client and a server, until it is frozen: then it keeps the connections, and passes nothing. */
export class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(port: number) {
    this.#server = createServer((client) => {
      const server = connect({ host: '127.0.0.1', port });
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(from);
        from.on('error', () => {});
        from.once('close', () => to.destroy());
        from.pipe(to);
      }
    });
  }

  static async to(port: number): Promise<Relay> {
    const relay = new Relay(port);
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve));
    return relay;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The connections that there are; later ones are not. */
  freeze(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
