import http from 'node:http';
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { orAborted } from '../lib/or-aborted.ts';
import { type Connect, connectTls } from './connect.ts';
import type { Credentials } from './credentials.ts';

export interface WireRequest {
  readonly method: string;
  /** With query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readable;
  /** Asked at the body's end: whether the server ended it. A cancelled HTTP/2 stream ends like any other. */
  readonly complete: () => boolean;
}

/** Until the server has said how many streams it takes: the API server's own limit. */
const STREAMS = 100;
/** Bytes in flight for each stream and for a connection: the default of 64 KiB makes a list wait for every round trip. */
const STREAM_WINDOW = 1 << 20;
const CONNECTION_WINDOW = 16 << 20;
/** When a silent connection is asked whether it is there, and when no answer means that it is not; ms. */
export interface PingTimes {
  readonly after: number;
  readonly timeout: number;
}

const PING: PingTimes = { after: 15_000, timeout: 10_000 };

/**
 * Requests to one API server. By HTTP/2, where all watches are streams of one connection: by HTTP/1.1 each of some twenty
 * would have a TLS connection of its own, on each node of the cluster. HTTP/1.1 with keep-alive is for what stands
 * between and speaks no HTTP/2 (`kubectl proxy`, some gateways).
 *
 * `@kubernetes/client-node` would do requests by undici with a new dispatcher, so a new TLS connection, for each one, and
 * its watch drops events that it cannot parse; that is why only its configuration and authentication are used.
 */
export class Transport {
  readonly #server: URL;
  readonly #connect: Connect;
  readonly #credentials: Credentials;
  readonly #ping: PingTimes;
  #sessions: Session[] = [];
  #connecting: Promise<Session | undefined> | undefined;
  #agent: http.Agent | https.Agent | undefined;

  constructor(server: URL, credentials: Credentials, connect: Connect, ping = PING) {
    this.#server = server;
    this.#ping = ping;
    this.#credentials = credentials;
    this.#connect = connect;
    if (server.protocol === 'http:') this.#agent = agentOf(new http.Agent({ keepAlive: true }), () => this.#tcp());
  }

  /** Resolves with the answer's head. Rejects with whatever the socket said, or the signal's reason. */
  async send(request: WireRequest): Promise<WireAnswer> {
    for (let attempt = 0; ; ) {
      const session = this.#agent === undefined ? await orAborted(this.#session(), request.signal) : undefined;
      // Others that waited for the same connection may have taken all of its streams meanwhile.
      if (session !== undefined && (!session.usable || session.streams >= session.limit)) continue;
      request.signal.throwIfAborted();
      try {
        if (session !== undefined) return await session.send(this.#server.host, request);
        return await this.#sendByHttp1(request);
      } catch (error) {
        request.signal.throwIfAborted();
        // A kept connection may have ended before the server read the request. What it may have done is not asked twice.
        const again = error instanceof LostConnection ? request.method === 'GET' : wasRefused(error);
        if (++attempt > 2 || !again) throw error;
      }
    }
  }

  /** Ends connections; those for later requests are new ones. */
  close(): void {
    for (const session of this.#sessions) session.close();
    this.#sessions = [];
    this.#agent?.destroy();
  }

  /** One that has a stream to spare, as things stand; undefined where the server speaks no HTTP/2. */
  async #session(): Promise<Session | undefined> {
    this.#sessions = this.#sessions.filter((session) => session.usable);
    const free = this.#sessions.find((session) => session.streams < session.limit);
    if (free !== undefined) return free;
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #open(): Promise<Session | undefined> {
    const socket = await connectTls(this.#server, await this.#credentials.tls(), this.#connect);
    if (socket.alpnProtocol === 'h2') {
      const session = new Session(this.#server.origin, socket, this.#ping);
      this.#sessions.push(session);
      return session;
    }
    let first: TLSSocket | undefined = socket;
    this.#agent = agentOf(new https.Agent({ keepAlive: true }), async () => {
      const ready = first;
      first = undefined;
      if (ready?.destroyed === false) return ready;
      const tls = { ...(await this.#credentials.tls()), ALPNProtocols: ['http/1.1'] };
      return connectTls(this.#server, tls, this.#connect);
    });
    return undefined;
  }

  #tcp(): Promise<Socket> {
    const { hostname, port } = this.#server;
    return this.#connect(hostname.replace(/^\[|\]$/g, ''), Number(port || 80));
  }

  #sendByHttp1({ method, path, headers, body, signal }: WireRequest): Promise<WireAnswer> {
    const { hostname, port, protocol } = this.#server;
    const send = protocol === 'http:' ? http.request : https.request;
    return new Promise((resolve, reject) => {
      const host = hostname.replace(/^\[|\]$/g, '');
      const request = send({ method, path, headers, host, port, signal, agent: this.#agent });
      request.once('response', (response) => {
        request.off('error', fail);
        // A later error ends the body, which says so itself.
        request.on('error', () => {});
        const { statusCode = 0, headers } = response;
        resolve({ status: statusCode, headers, body: response, complete: () => response.complete });
      });
      const fail = (error: Error) => reject(request.reusedSocket ? new LostConnection(error) : error);
      request.once('error', fail);
      request.end(body);
    });
  }
}

/** An agent whose connections are made our way. */
function agentOf<A extends http.Agent>(agent: A, connect: () => Promise<Socket>): A {
  agent.createConnection = (_options, callback) => {
    connect().then(
      (socket) => callback?.(null, socket),
      (error: Error) => callback?.(error, undefined as never),
    );
    return undefined;
  };
  return agent;
}

/** One HTTP/2 connection, which does not keep the process alive while nothing is asked through it. */
class Session {
  streams = 0;
  readonly #session: ClientHttp2Session;
  readonly #socket: TLSSocket;
  readonly #times: PingTimes;
  #heard = 0;

  constructor(origin: string, socket: TLSSocket, times: PingTimes) {
    this.#socket = socket;
    this.#times = times;
    this.#session = http2.connect(origin, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW },
      // MB; a session that reaches it refuses streams.
      maxSessionMemory: 256,
    });
    this.#session.setLocalWindowSize(CONNECTION_WINDOW);
    // Streams report what ended them; without a listener the session's error would end the process.
    this.#session.on('error', () => {});
    const pinging = setInterval(() => this.#ping(), times.after).unref();
    this.#session.once('close', () => clearInterval(pinging));
    this.#session.unref();
  }

  get usable(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  get limit(): number {
    return this.#session.remoteSettings?.maxConcurrentStreams ?? STREAMS;
  }

  close(): void {
    this.#session.destroy();
  }

  send(authority: string, { method, path, headers, body, signal }: WireRequest): Promise<WireAnswer> {
    let stream: ClientHttp2Stream;
    try {
      stream = this.#session.request(
        { ...headers, ':method': method, ':path': path, ':authority': authority },
        { endStream: body === undefined, signal },
      );
    } catch (error) {
      return Promise.reject(error);
    }
    this.streams++;
    this.#session.ref();
    return new Promise((resolve, reject) => {
      stream.once('close', () => {
        if (--this.streams === 0) this.#session.unref();
        // Without a `response` before, and without an `error`: the server went away.
        reject(new LostConnection());
      });
      stream.once('response', (head) => {
        const complete = () => !stream.rstCode;
        resolve({ status: head[':status'] ?? 0, headers: head, body: stream, complete });
      });
      stream.on('error', reject);
      if (body !== undefined) stream.end(body);
    });
  }

  /** A connection that a firewall forgot, or whose peer lost its power, gives no error for many minutes. */
  #ping(): void {
    const { bytesRead } = this.#socket;
    const heard = bytesRead !== this.#heard;
    this.#heard = bytesRead;
    if (heard || !this.usable) return;
    const silent = (): void => this.#session.destroy(new Error('the connection is silent, also when asked'));
    const timer = setTimeout(silent, this.#times.timeout).unref();
    this.#session.ping(() => clearTimeout(timer));
  }
}

/** The connection ended before an answer came. */
class LostConnection extends Error {
  constructor(cause?: Error) {
    super(cause?.message ?? 'the connection was closed before an answer came', { cause });
  }
}

const REFUSED = new Set(['ERR_HTTP2_GOAWAY_SESSION', 'ERR_HTTP2_INVALID_SESSION', 'ERR_HTTP2_OUT_OF_STREAMS']);

/** The server says, or we know, that the request was not processed. */
function wasRefused(error: unknown): boolean {
  const { code = '', message = '' } = error as NodeJS.ErrnoException;
  return REFUSED.has(code) || (code === 'ERR_HTTP2_STREAM_ERROR' && message.includes('REFUSED_STREAM'));
}
