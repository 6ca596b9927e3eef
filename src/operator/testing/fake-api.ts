/**
 * For tests only, and for faults only: an API server of a few lines whose answers a test can hold back, refuse or lose. What the
 * real one does is tested with the real one.
 */

import {
  type KubeClient,
  KubeFault,
  type KubeRequest,
  type RawObject,
  resources,
  type WatchEvent,
} from '../../kube/index.ts';
import { isObject } from '../../lib/is-object.ts';

export class FakeApi {
  readonly objects = new Map<string, RawObject>();
  readonly log: string[] = [];
  /** Runs before a request is looked at; what it throws is the answer. */
  before: (request: KubeRequest, who: string) => Promise<void> | void = () => {};
  /** Runs after it has taken effect; what it throws is the answer all the same. */
  after: (request: KubeRequest, who: string) => Promise<void> | void = () => {};
  #version = 0;
  readonly #watchers = new Set<{ path: string; push: (event: WatchEvent) => void }>();

  client(who = 'test'): KubeClient {
    const watchBatches = (request: Parameters<KubeClient['watchBatches']>[0]) => this.#watch(request, who);
    return {
      server: 'fake',
      namespace: 'default',
      request: (request) => this.#request(request, who) as Promise<never>,
      watchBatches,
      async *watch(request) {
        for await (const batch of watchBatches(request)) yield* batch;
      },
      close() {},
    };
  }

  /** As somebody else would: no request, no fault. */
  put(path: string, object: RawObject): RawObject {
    const type = this.objects.has(path) ? 'MODIFIED' : 'ADDED';
    const metadata = { uid: `uid-${path}`, ...object.metadata, resourceVersion: String(++this.#version) };
    const stored = { ...object, metadata };
    this.objects.set(path, stored);
    this.#tell(path, { type, object: stored });
    return stored;
  }

  async #request(request: KubeRequest, who: string): Promise<unknown> {
    request.signal?.throwIfAborted();
    this.log.push(`${request.method} ${request.path}`);
    await this.before(request, who);
    request.signal?.throwIfAborted();
    const answer = this.#answer(request);
    await this.after(request, who);
    request.signal?.throwIfAborted();
    return structuredClone(answer);
  }

  #answer({ method, path, body, contentType, query }: KubeRequest): unknown {
    const sent = body as RawObject;
    if (method === 'POST') {
      const at = `${path}/${sent.metadata?.name}`;
      if (this.objects.has(at)) throw fault(409, 'AlreadyExists', path);
      return this.put(at, sent);
    }
    const target = path.replace(/\/status$/, '');
    const present = this.objects.get(target);
    const isApply = contentType === 'application/apply-patch+yaml';
    if (isApply && present !== undefined && query?.force !== 'true') throw fault(409, 'Conflict', path);
    if (isApply) return this.put(target, applied(present, sent));
    if (present === undefined) {
      const items = [...this.objects]
        .filter(([key, object]) => isIn(key, target) && fits(object, query))
        .map(([, object]) => object);
      const isCollection = resources.some(({ plural }) => target.endsWith(`/${plural}`));
      if (method === 'GET' && isCollection) return { metadata: { resourceVersion: String(this.#version) }, items };
      throw fault(404, 'NotFound', path);
    }
    if (method === 'GET') return present;
    if (method === 'DELETE') {
      const { preconditions = {} } = (body ?? {}) as { preconditions?: Readonly<Record<string, unknown>> };
      for (const [field, value] of Object.entries(preconditions))
        if (value !== present.metadata?.[field]) throw fault(409, 'Conflict', path);
      this.objects.delete(target);
      this.#tell(target, { type: 'DELETED', object: present });
      return present;
    }
    const version = sent.metadata?.resourceVersion;
    if (version !== undefined && version !== present.metadata?.resourceVersion) throw fault(409, 'Conflict', path);
    if (method === 'PUT') return this.put(target, sent);
    // Of metadata, what clients may change.
    const { annotations, labels } = sent.metadata ?? {};
    const metadata = {
      ...(annotations === undefined ? {} : { annotations }),
      ...(labels === undefined ? {} : { labels }),
    };
    return this.put(target, merge(present, { ...sent, metadata }) as RawObject);
  }

  async *#watch(
    { path, signal, query }: Parameters<KubeClient['watchBatches']>[0],
    who: string,
  ): AsyncIterable<readonly WatchEvent[]> {
    await this.before({ method: 'GET', path, query: { ...query, watch: 'true' } }, who);
    const events: WatchEvent[] = [];
    let wake = () => {};
    const from = Number(query?.resourceVersion ?? 0);
    const push = (event: WatchEvent) => {
      if (Number(event.object.metadata?.resourceVersion) <= from && event.type !== 'DELETED') return;
      if (!fits(event.object, query)) return;
      events.push(event);
      wake();
    };
    for (const [key, object] of this.objects) if (isIn(key, path)) push({ type: 'MODIFIED', object });
    const watcher = { path, push };
    this.#watchers.add(watcher);
    signal.addEventListener('abort', () => wake(), { once: true });
    try {
      while (!signal.aborted) {
        if (events.length > 0) yield structuredClone(events.splice(0));
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  #tell(path: string, event: WatchEvent): void {
    for (const watcher of this.#watchers) if (isIn(path, watcher.path)) watcher.push(event);
  }
}

/** Selectors of one label only: `key=value`. */
function fits({ metadata }: RawObject, query: KubeRequest['query']): boolean {
  const [key = '', value] = query?.labelSelector?.split('=') ?? [];
  return value === undefined || (metadata?.labels as Record<string, string> | undefined)?.[key] === value;
}

/** Also of a collection of all namespaces. */
function isIn(path: string, collection: string): boolean {
  return path.startsWith(`${collection}/`) || path.replace(/\/namespaces\/[^/]+/, '').startsWith(`${collection}/`);
}

export function fault(status: number, reason: string, path = ''): KubeFault {
  const code = { 404: 'KUBE_NOT_FOUND', 409: 'KUBE_CONFLICT', 422: 'KUBE_INVALID', 429: 'KUBE_THROTTLED' }[status];
  return new KubeFault(code ?? 'KUBE_SERVER', `${path}: ${reason}`, { status, reason });
}

/** Server-side apply, as far as one manager's whole objects go: with what it owns written down as the real one does. */
function applied(present: RawObject | undefined, sent: RawObject): RawObject {
  const keys = (value: unknown) => Object.fromEntries(Object.keys(value ?? {}).map((key) => [`f:${key}`, {}]));
  const { labels, annotations } = sent.metadata ?? {};
  const fieldsV1 = { 'f:metadata': { 'f:labels': keys(labels), 'f:annotations': keys(annotations) } };
  const managedFields = [{ manager: 'sluice-operator', operation: 'Apply', fieldsV1 }];
  return { ...present, ...sent, metadata: { ...present?.metadata, ...sent.metadata, managedFields } };
}

function merge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}
