import { text } from 'node:stream/consumers';
import { type Access, type AccessOptions, loadAccess } from './access.ts';
import { connectDirectly } from './connect.ts';
import { Credentials } from './credentials.ts';
import { EventStreamParser, type RawObject, type WatchEvent } from './event-stream.ts';
import { faultOfStatus, KubeFault, type StatusBody } from './kube-fault.ts';
import { connectThrough, proxyFor } from './proxy.ts';
import { type PingTimes, Transport, type WireAnswer } from './transport.ts';

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Of the API server: `/api/v1/services`; see `pathOf`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Of the body: `application/json`, and for PATCH `application/merge-patch+json`. */
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal;
  /** ms for all of it; 30,000. */
  readonly timeout?: number;
}

export interface WatchRequest {
  /** A collection. `watch=true` is added. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Ends the watch: the iteration ends without an error. */
  readonly signal: AbortSignal;
  /** ms without a byte after which the watch counts as stalled, and fails; 60,000. */
  readonly idleTimeout?: number;
  readonly accept?: string;
  /** The server has taken the watch: events will come. */
  readonly onOpen?: () => void;
}

/** One API server, as one user. */
export interface KubeClient {
  /** As in the kubeconfig: `https://10.96.0.1:443`. */
  readonly server: string;
  /** The namespace of the context or of the Pod; `default` where neither says. */
  readonly namespace: string;
  /** One request; JSON in and out (text, where the answer is no JSON). @throws KubeFault, or the signal's reason */
  request<T = unknown>(request: KubeRequest): Promise<T>;
  /** A watch's events as they arrive. Ends when the server ends it. @throws KubeFault */
  watch(request: WatchRequest): AsyncIterable<WatchEvent>;
  /** The same, as lists of what arrived together. */
  watchBatches(request: WatchRequest): AsyncIterable<readonly WatchEvent[]>;
  /** Ends all connections. */
  close(): void;
}

export interface KubeOptions extends AccessOptions {
  /** `sluice-agent/0.1.0`: how the API server's audit log calls us. */
  readonly userAgent: string;
}

const REQUEST_TIMEOUT = 30_000;
const IDLE_TIMEOUT = 60_000;

/**
 * In a Pod as its service account unless a kubeconfig is named; no request is made yet.
 * @throws KubeFault KUBE_CONFIG
 */
export function openKube(options: KubeOptions): KubeClient {
  return connectKube(loadAccess(options), options.userAgent);
}

/** The same for an access that is known. */
export function connectKube(access: Access, userAgent: string, ping?: PingTimes): KubeClient {
  return new Client(access, userAgent, ping);
}

class Client implements KubeClient {
  readonly server: string;
  readonly namespace: string;
  readonly #prefix: string;
  readonly #credentials: Credentials;
  readonly #transport: Transport;
  readonly #userAgent: string;

  constructor(access: Access, userAgent: string, ping: PingTimes | undefined) {
    const { server, proxyUrl } = access.cluster;
    const url = serverUrl(server);
    const proxy = proxyFor(url, proxyUrl);
    this.server = server;
    this.namespace = access.namespace ?? 'default';
    this.#prefix = url.pathname.replace(/\/$/, '');
    this.#credentials = new Credentials(access);
    this.#transport = new Transport(
      url,
      this.#credentials,
      proxy === undefined ? connectDirectly : connectThrough(proxy),
      ping,
    );
    this.#userAgent = userAgent;
  }

  async request<T>(request: KubeRequest): Promise<T> {
    const { method, path, body, contentType, timeout = REQUEST_TIMEOUT } = request;
    const operation = `${method} ${path}`;
    const late = () => new KubeFault('KUBE_TIMEOUT', `${operation}: no answer within ${timeout / 1000} s`);
    using deadline = new Deadline(request.signal, timeout, late);
    const type = contentType ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
    try {
      const answer = await this.#send(
        request,
        method,
        deadline.signal,
        body === undefined ? undefined : { type, body },
      );
      const said = await wholeText(answer);
      if (answer.status >= 400) throw this.#refusal(operation, answer, said);
      return (isJson(answer) ? parse(operation, said) : said) as T;
    } catch (error) {
      throw this.#fault(operation, error, deadline.signal, request.signal);
    }
  }

  async *watch(request: WatchRequest): AsyncIterable<WatchEvent> {
    for await (const events of this.watchBatches(request)) yield* events;
  }

  async *watchBatches(request: WatchRequest): AsyncIterable<readonly WatchEvent[]> {
    const { path, idleTimeout = IDLE_TIMEOUT } = request;
    const operation = `watch ${path}`;
    const stalled = () => new KubeFault('KUBE_STALLED', `${operation}: nothing came for ${idleTimeout / 1000} s`);
    using deadline = new Deadline(request.signal, idleTimeout, stalled);
    try {
      const query = { ...request.query, watch: 'true' };
      const answer = await this.#send({ ...request, query }, 'GET', deadline.signal);
      if (answer.status >= 400) throw this.#refusal(operation, answer, await wholeText(answer));
      request.onOpen?.();
      deadline.refresh();
      const parser = new EventStreamParser(operation);
      for await (const chunk of answer.body) {
        deadline.refresh();
        yield* goodEvents(operation, parser.push(chunk as Buffer));
      }
      if (!answer.complete()) throw new Error(CUT_OFF);
      yield* goodEvents(operation, parser.end());
    } catch (error) {
      if (request.signal.aborted) return;
      throw this.#fault(operation, error, deadline.signal, request.signal);
    }
  }

  close(): void {
    this.#transport.close();
  }

  async #send(
    { path, query, accept }: Pick<KubeRequest, 'path' | 'query' | 'accept'>,
    method: string,
    signal: AbortSignal,
    content?: { readonly type: string; readonly body: unknown },
  ): Promise<WireAnswer> {
    const search = new URLSearchParams(query).toString();
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#transport.send({
        method,
        path: `${this.#prefix}${path}${search === '' ? '' : `?${search}`}`,
        headers: {
          accept: accept ?? 'application/json',
          'user-agent': this.#userAgent,
          ...(content === undefined ? {} : { 'content-type': content.type }),
          ...(await this.#credentials.headers()),
        },
        ...(content === undefined ? {} : { body: JSON.stringify(content.body) }),
        signal,
      });
      if (answer.status !== 401 || attempt > 0 || !this.#credentials.renew()) return answer;
      answer.body.resume();
    }
  }

  #refusal(operation: string, answer: WireAnswer, said: string): KubeFault {
    const after = answer.headers['retry-after'];
    let body: StatusBody | string = said;
    if (isJson(answer))
      try {
        body = JSON.parse(said) as StatusBody;
      } catch {
        // A proxy's answer; its text is all there is.
      }
    return faultOfStatus(operation, answer.status, body, typeof after === 'string' ? after : undefined);
  }

  #fault(operation: string, error: unknown, signal: AbortSignal, given: AbortSignal | undefined): unknown {
    if (given?.aborted === true) return given.reason;
    if (signal.aborted) return signal.reason;
    if (error instanceof KubeFault) return error;
    const { code = '', message } = error as NodeJS.ErrnoException;
    const text = `${operation} at ${this.server}: ${message}`;
    if (TLS_CODES.test(code))
      return new KubeFault('KUBE_TLS', text, {
        cause: error,
        hint: `check the certificate authority that the kubeconfig has for this server (${code})`,
      });
    return new KubeFault('KUBE_UNREACHABLE', text, {
      cause: error,
      hint: 'check that the API server runs, and that this address is right and can be reached from here',
    });
  }
}

const TLS_CODES = /^(?:CERT_|ERR_TLS_CERT|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|ERR_SSL_|HOSTNAME_MISMATCH|INVALID_CA)/;

function serverUrl(server: string): URL {
  try {
    const url = new URL(server);
    if (url.protocol === 'https:' || url.protocol === 'http:') return url;
  } catch {
    // Said below.
  }
  throw new KubeFault('KUBE_CONFIG', `cluster.server is ${server}`, { hint: 'write it as https://HOST:PORT' });
}

const CUT_OFF = 'the server cut its answer off';

async function wholeText(answer: WireAnswer): Promise<string> {
  const said = await text(answer.body);
  if (!answer.complete()) throw new Error(CUT_OFF);
  return said;
}

const isJson = ({ headers }: WireAnswer): boolean => /\bjson\b/.test(String(headers['content-type'] ?? ''));

function parse(operation: string, said: string): unknown {
  try {
    return JSON.parse(said);
  } catch (cause) {
    throw new KubeFault('KUBE_BAD_ANSWER', `${operation}: the server sent JSON that is none`, { cause });
  }
}

/** What came before an ERROR event is good. */
function* goodEvents(operation: string, events: readonly WatchEvent[]): Generator<readonly WatchEvent[]> {
  const failed = events.findIndex(({ type }) => type === 'ERROR');
  const good = failed < 0 ? events : events.slice(0, failed);
  if (good.length > 0) yield good;
  if (failed >= 0) throw errorEvent(operation, (events[failed] as WatchEvent).object);
}

function errorEvent(operation: string, object: RawObject): KubeFault {
  const status = object as StatusBody;
  return faultOfStatus(operation, typeof status.code === 'number' ? status.code : 500, status);
}

/** A signal that is aborted when the given one is, or when the time is over. */
class Deadline {
  readonly #controller = new AbortController();
  readonly #given: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #onAbort = (): void => this.#controller.abort(this.#given?.reason);

  constructor(given: AbortSignal | undefined, ms: number, reason: () => KubeFault) {
    this.#given = given;
    this.#timer = setTimeout(() => this.#controller.abort(reason()), ms);
    if (given?.aborted === true) this.#onAbort();
    else given?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  refresh(): void {
    this.#timer.refresh();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#given?.removeEventListener('abort', this.#onAbort);
  }
}
