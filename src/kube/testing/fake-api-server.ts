import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connectKube, type KubeClient } from '../client.ts';
import type { RawObject } from '../event-stream.ts';
import { isCustom, type Resource, resourceOf, resources } from '../resources.ts';

interface Entry {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly kind: string;
  readonly object: RawObject;
}

interface Watch {
  readonly kind: string;
  readonly response: ServerResponse;
  readonly matches: (object: RawObject) => boolean;
  readonly metadataOnly: boolean;
  /** It has missed an event, so it must not get a later one. */
  stalled?: boolean;
}

/** What a request meets instead of the server: a status, or `true` when the interceptor has answered, or will never. */
export type Interceptor = (request: IncomingMessage, response: ServerResponse, url: URL) => number | boolean;

/**
 * An API server as far as reflectors look at it, for faults that a real one cannot be made to have at a given moment. It
 * keeps objects, gives versions, lists in pages and as streams, watches from any version since its last compaction.
 */
export class FakeApiServer {
  readonly requests: string[] = [];
  /** Whether lists as streams of events are switched on. */
  streamLists = true;
  minor = '34';
  intercept: Interceptor = () => false;
  /** Watches that would get something while it is so get nothing ever again; it is there for a later watch. */
  stalled = false;
  readonly #objects = new Map<string, RawObject>();
  readonly #custom = new Map<string, readonly string[]>();
  /** What is left of lists, by token. */
  readonly #pages = new Map<string, RawObject[]>();
  #history: Entry[] = [];
  readonly #watches = new Set<Watch>();
  #version = 1;
  #compacted = 0;
  #server: Server;
  #port = 0;
  #waiting: (() => void)[] = [];

  private constructor() {
    this.#server = this.#newServer();
  }

  static async start(): Promise<FakeApiServer> {
    const server = new FakeApiServer();
    await server.up();
    return server;
  }

  connect(): KubeClient {
    const cluster = { name: 'fake', server: `http://127.0.0.1:${this.#port}`, skipTLSVerify: true };
    return connectKube({ cluster, user: { name: 'test', token: 'secret' } }, 'sluice-test/1');
  }

  /** Creates or replaces; gives it a version, and a generation that rises with its spec. */
  write(raw: RawObject): void {
    const kind = raw.kind as string;
    const key = this.#key(kind, raw);
    const old = this.#objects.get(key);
    const spec = ({ metadata: _metadata, status: _status, ...rest }: RawObject) => JSON.stringify(rest);
    const generation = Number(old?.metadata?.generation ?? 0);
    const { namespaced } = resourceOf(kind);
    this.#put(old === undefined ? 'ADDED' : 'MODIFIED', key, {
      ...raw,
      metadata: {
        ...(namespaced ? { namespace: 'default' } : {}),
        ...raw.metadata,
        uid: old?.metadata?.uid ?? `uid-${this.#version}`,
        generation: old !== undefined && spec(old) === spec(raw) ? generation : generation + 1,
        managedFields: [{ manager: 'test', fieldsV1: {} }],
      },
    });
  }

  remove(kind: string, name: string, namespace = 'default'): void {
    const key = this.#key(kind, { metadata: { name, namespace } });
    const old = this.#objects.get(key);
    if (old !== undefined) this.#put('DELETED', key, old);
  }

  objects(kind: string): RawObject[] {
    return [...this.#objects].filter(([key]) => key.startsWith(`${kind}/`)).map(([, object]) => object);
  }

  /** The kind is served, in these versions; with its definition. */
  define(kind: string, versions: readonly string[], options: { definition?: boolean } = {}): void {
    this.#custom.set(kind, versions);
    const { plural, group } = resourceOf(kind);
    if (options.definition !== false)
      this.write({
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: `${plural}.${group}` },
      });
  }

  /** As when a definition is deleted: its objects go first, then its watches end. */
  undefine(kind: string, options: { definition?: boolean } = {}): void {
    for (const { metadata } of this.objects(kind)) this.remove(kind, metadata?.name ?? '', metadata?.namespace);
    this.#custom.delete(kind);
    this.endWatches(kind);
    const { plural, group } = resourceOf(kind);
    if (options.definition !== false) this.remove('CustomResourceDefinition', `${plural}.${group}`, '');
  }

  /** Versions up to now can no longer be watched from. Watches that are open go on. */
  compact(): void {
    this.#compacted = this.#version;
    this.#history = [];
    this.#pages.clear();
  }

  bookmark(): void {
    for (const watch of this.#watches) this.#send(watch, 'BOOKMARK', this.#bookmark(watch.kind));
  }

  /** Ends watches as the server does when their time is over. */
  endWatches(kind?: string): void {
    for (const watch of this.#watches)
      if (kind === undefined || watch.kind === kind) {
        this.#watches.delete(watch);
        watch.response.end();
        this.#wake();
      }
  }

  /** Cuts them off: in the middle of an event, if so wished. */
  cutWatches(withHalfAnEvent = false): void {
    for (const { response } of this.#watches) {
      if (withHalfAnEvent) response.write('{"type":"MODIFIED","object":{"metadata":{"na');
      setImmediate(() => response.destroy());
    }
  }

  /** Sends something to every watch that is none of the protocol. */
  garble(text: string): void {
    for (const { response } of this.#watches) response.write(text);
  }

  /** Resolves when the condition holds, which is looked at whenever a request comes, or a watch starts or ends. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  get openWatches(): readonly string[] {
    return [...this.#watches].map(({ kind }) => kind);
  }

  async up(): Promise<void> {
    this.#server = this.#newServer();
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Gone, with all connections; `up` brings it back at the same address, with all objects. */
  async down(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #newServer(): Server {
    return createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://fake');
      this.requests.push(`${url.pathname}${url.search}`);
      this.#wake();
      const intercepted = this.intercept(request, response, url);
      if (intercepted === true) return;
      if (typeof intercepted === 'number') refuse(response, intercepted);
      else this.#answer(request, response, url);
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse, url: URL): unknown {
    const { pathname, searchParams: query } = url;
    if (pathname === '/version') return json(response, { major: '1', minor: this.minor });
    const core = pathname.startsWith('/api/');
    const [group = '', version, ...parts] = core ? ['', ...pathname.split('/').slice(2)] : pathname.split('/').slice(2);
    if (!core && parts.length === 0) return this.#discover(response, group, version);
    const namespace = parts[0] === 'namespaces' && parts.length > 2 ? parts[1] : undefined;
    const plural = namespace === undefined ? parts[0] : parts[2];
    const resource = resources.find((each) => each.plural === plural && each.group === group);
    if (resource === undefined || !this.#serves(resource, version)) return refuse(response, 404);
    const name = /^metadata\.name=(.*)$/.exec(query.get('fieldSelector') ?? '')?.[1];
    const matches = ({ metadata }: RawObject) =>
      (namespace === undefined || metadata?.namespace === namespace) && (name === undefined || metadata?.name === name);
    const metadataOnly = (request.headers.accept ?? '').includes('PartialObjectMetadata');
    if (query.get('watch') !== 'true') return this.#list(resource.kind, matches, query, response);
    return this.#watch({ kind: resource.kind, response, matches, metadataOnly }, query);
  }

  #serves({ kind, group }: Resource, version: string | undefined): boolean {
    return !isCustom(group) || (this.#custom.get(kind)?.includes(version ?? '') ?? false);
  }

  #discover(response: ServerResponse, group: string, version: string | undefined): unknown {
    const served = [...this.#custom].filter(([kind]) => resourceOf(kind).group === group);
    const versions = new Set(served.flatMap(([, each]) => each));
    if (version === undefined) {
      if (versions.size === 0) return refuse(response, 404);
      return json(response, { kind: 'APIGroup', versions: [...versions].map((each) => ({ version: each })) });
    }
    if (!versions.has(version)) return refuse(response, 404);
    const kinds = served.filter(([, each]) => each.includes(version)).map(([kind]) => resourceOf(kind));
    return json(response, {
      kind: 'APIResourceList',
      resources: kinds.flatMap(({ plural }) => [{ name: plural }, { name: `${plural}/status` }]),
    });
  }

  /** All pages of a list are of the state at its beginning, and can be had until a compaction. */
  #list(
    kind: string,
    matches: (object: RawObject) => boolean,
    query: URLSearchParams,
    response: ServerResponse,
  ): unknown {
    const token = query.get('continue');
    const rest = token === null ? this.objects(kind).filter(matches) : this.#pages.get(token);
    if (rest === undefined) return refuse(response, 410, 'Expired');
    const version = token?.split('@')[1] ?? `${this.#version}`;
    const limit = Number(query.get('limit') ?? 0) || rest.length;
    const next = `${rest.length - limit}@${version}`;
    if (rest.length > limit) this.#pages.set(next, rest.slice(limit));
    return json(response, {
      kind: 'List',
      metadata: { resourceVersion: version, ...(rest.length > limit ? { continue: next } : {}) },
      // As built-in kinds have it: the items of a list do not say what they are.
      items: rest.slice(0, limit).map(({ apiVersion: _apiVersion, kind: _kind, ...item }) => item),
    });
  }

  #watch(watch: Watch, query: URLSearchParams): unknown {
    const { kind, response, matches } = watch;
    const initial = query.get('sendInitialEvents') === 'true';
    if (initial && !this.streamLists) return refuse(response, 422, 'Invalid');
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const from = Number(query.get('resourceVersion') ?? 0);
    if (initial) {
      for (const object of this.objects(kind).filter(matches)) this.#send(watch, 'ADDED', object);
      const bookmark = this.#bookmark(kind);
      const metadata = { ...bookmark.metadata, annotations: { 'k8s.io/initial-events-end': 'true' } };
      this.#send(watch, 'BOOKMARK', { ...bookmark, metadata });
    } else if (from < this.#compacted) {
      response.end(
        `${JSON.stringify({ type: 'ERROR', object: { code: 410, reason: 'Expired', message: 'too old resource version' } })}\n`,
      );
      return undefined;
    }
    this.#watches.add(watch);
    this.#wake();
    response.once('close', () => {
      this.#watches.delete(watch);
      this.#wake();
    });
    if (!initial)
      for (const entry of this.#history)
        if (entry.version > from && entry.kind === kind && matches(entry.object))
          this.#send(watch, entry.type, entry.object);
    return undefined;
  }

  #put(type: Entry['type'], key: string, raw: RawObject): void {
    const version = ++this.#version;
    const object = { ...raw, metadata: { ...raw.metadata, resourceVersion: `${version}` } };
    if (type === 'DELETED') this.#objects.delete(key);
    else this.#objects.set(key, object);
    const kind = raw.kind as string;
    this.#history.push({ version, type, kind, object });
    for (const watch of this.#watches)
      if (watch.kind === kind && watch.matches(object)) this.#send(watch, type, object);
  }

  #send(watch: Watch, type: string, object: RawObject): void {
    watch.stalled ||= this.stalled;
    if (watch.stalled) return;
    const { response, metadataOnly } = watch;
    const sent = metadataOnly ? { kind: 'PartialObjectMetadata', metadata: object.metadata } : object;
    response.write(`${JSON.stringify({ type, object: sent })}\n`);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #bookmark(kind: string): RawObject {
    return { kind, metadata: { resourceVersion: `${this.#version}` } };
  }

  #key(kind: string, { metadata }: RawObject): string {
    const namespace = resourceOf(kind).namespaced ? (metadata?.namespace ?? 'default') : '';
    return `${kind}/${namespace}/${metadata?.name}`;
  }
}

function json(response: ServerResponse, body: unknown): unknown {
  response.writeHead(200, { 'content-type': 'application/json' });
  return response.end(JSON.stringify(body));
}

export function refuse(response: ServerResponse, status: number, reason = ''): unknown {
  response.writeHead(status, { 'content-type': 'application/json' });
  return response.end(
    JSON.stringify({ kind: 'Status', status: 'Failure', code: status, reason, message: `refused with ${status}` }),
  );
}
