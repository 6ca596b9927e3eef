import { type Diagnostic, type ObjectRef, refKey } from '../api/index.ts';
import { type KubeClient, KubeFault, pathOf, type RawObject } from '../kube/index.ts';
import type { Log } from '../lib/log.ts';
import type { LoadBalancerService } from '../mesh/model/index.ts';
import type { Collection, Table } from '../store/index.ts';
import type { LiveObject, LiveObjects } from './live-objects.ts';
import { differs, hasOtherClass, isSameService } from './service-difference.ts';
import { fieldManager, manifestOf, type OwnerReference } from './service-manifest.ts';
import { type Reaction, WriteQueue } from './write-queue.ts';

export interface ServiceWriterOptions {
  readonly client: KubeClient;
  readonly live: LiveObjects;
  /** By `namespace/name`. */
  readonly desired: Collection<LoadBalancerService>;
  /** What is in the way, by `refKey` of the object that wants the Service. */
  readonly problems: Table<readonly Diagnostic[]>;
  readonly log: Log;
}

const serviceRef = (key: string): ObjectRef => {
  const [namespace = '', name = ''] = key.split('/');
  return { group: '', kind: 'Service', namespace, name };
};
const liveKey = (key: string): string => refKey(serviceRef(key));

/**
 * Applies the Services that Gateways and Ingresses should have, where they differ from what is there, and deletes those that
 * nobody wants any more. What somebody else made under the same name is not touched: its owner hears of it.
 */
export class ServiceWriter {
  readonly #options: ServiceWriterOptions;
  readonly #queue: WriteQueue;
  #stops: (() => void)[] = [];
  #abort = new AbortController();
  written = 0;

  constructor(options: ServiceWriterOptions) {
    this.#options = options;
    this.#queue = new WriteQueue({
      concurrency: 8,
      rate: 200,
      burst: 200,
      priorityOf: () => 1,
      prepare: (key) => this.#prepare(key),
      onError: (key, error) => this.#failed(key, error),
    });
  }

  start(): void {
    const { desired, live } = this.#options;
    this.#abort = new AbortController();
    this.#queue.start();
    this.#stops = [
      desired.observe((changes) => {
        for (const { key } of changes) this.#queue.add(key);
      }),
      live.observe((key, object) => {
        const service = /^Service\/(.+)$/.exec(key)?.[1];
        if (service !== undefined && (desired.has(service) || object?.manifest?.applied === true))
          this.#queue.add(service);
      }),
    ];
    for (const key of desired.keys()) this.#queue.add(key);
    for (const [key, object] of live.entries())
      if (object.manifest?.applied === true) this.#queue.add(key.slice('Service/'.length));
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.#queue.stop();
    this.#abort.abort(new KubeFault('KUBE_REFUSED', 'services: not the leader any more'));
  }

  idle(): Promise<void> {
    return this.#queue.idle();
  }

  #prepare(key: string): (() => Promise<void>) | undefined {
    const wanted = this.#options.desired.get(key);
    const there = this.#options.live.get(liveKey(key));
    if (wanted === undefined) return there === undefined ? undefined : this.#removal(there);
    if (there?.manifest === undefined) return () => this.#apply(key, wanted, false);
    if (!isSameService(wanted, there.manifest)) {
      // One of ours with an older owner of the same name goes by itself.
      if (!there.manifest.applied) this.#foreign(wanted);
      return undefined;
    }
    this.#told(wanted);
    // The API server lets a class be changed by a new Service only.
    if (hasOtherClass(wanted, there.manifest)) return this.#deletion(there);
    return differs(wanted, there.manifest) ? () => this.#apply(key, wanted, true) : undefined;
  }

  /** Whose owner is gone is the garbage collector's; whose owner wants it no more is ours to delete. */
  #removal({ ref, manifest, uid, version }: LiveObject): (() => Promise<void>) | undefined {
    if (manifest?.applied !== true) return undefined;
    const [owner] = manifest.owners;
    if (owner !== undefined && this.#options.live.uidOf(ownerRef(owner, ref.namespace)) !== owner.uid) return undefined;
    return this.#deletion({ ref, uid, version });
  }

  #deletion({ ref, uid, version }: Pick<LiveObject, 'ref' | 'uid' | 'version'>): () => Promise<void> {
    const path = pathOf('Service', { version, name: ref.name, namespace: ref.namespace ?? '' });
    return async () => {
      const body = { preconditions: { uid } };
      await this.#options.client.request({ method: 'DELETE', path, body, signal: this.#abort.signal });
      this.written++;
    };
  }

  /**
   * `force`: it is ours, so our fields are, whoever has set them meanwhile. Without it the server refuses to change what
   * somebody else has made, in case that we have not heard of it yet.
   */
  async #apply(key: string, wanted: LoadBalancerService, force: boolean): Promise<void> {
    const { name, namespace } = wanted.metadata;
    const answer = await this.#options.client.request<RawObject>({
      method: 'PATCH',
      path: pathOf('Service', { name, namespace }),
      query: { fieldManager, ...(force ? { force: 'true' } : {}) },
      contentType: 'application/apply-patch+yaml',
      body: wanted,
      signal: this.#abort.signal,
    });
    this.written++;
    this.#told(wanted);
    const version = answer.metadata?.resourceVersion;
    if (version !== undefined) this.#options.live.written(liveKey(key), version, { manifest: manifestOf(answer) });
    if (this.#options.desired.get(key) !== wanted) this.#queue.add(key);
  }

  #foreign(wanted: LoadBalancerService): void {
    const owner = ownerOf(wanted);
    const { namespace, name } = wanted.metadata;
    this.#options.problems.set(refKey(owner), [
      {
        severity: 'error',
        reason: 'ServiceNameTaken',
        message: `Service ${namespace}/${name} was made by somebody else, so there is no address to be reached at`,
        hint: `rename or delete that Service: this name is needed for the load balancer of ${owner.kind} ${owner.name}`,
        object: owner,
      },
    ]);
  }
  #told(wanted: LoadBalancerService): void {
    this.#options.problems.delete(refKey(ownerOf(wanted)));
  }

  #failed(key: string, error: unknown): Reaction {
    if (this.#abort.signal.aborted) return 'drop';
    const fault = error instanceof KubeFault ? error : undefined;
    // Gone, or changed: the watch tells, and then it is looked at again.
    if (fault?.code === 'KUBE_NOT_FOUND' && !this.#options.desired.has(key)) return 'drop';
    const wanted = this.#options.desired.get(key);
    if (fault?.code === 'KUBE_CONFLICT' && wanted !== undefined && !this.#options.live.has(liveKey(key))) {
      this.#foreign(wanted);
      return { after: 30_000 };
    }
    this.#options.log.warn({ err: error, object: `Service ${key}` }, 'load balancer Service: not written');
    if (fault?.retryAfter !== undefined) this.#queue.pause(fault.retryAfter);
    return fault !== undefined && !fault.transient && fault.code !== 'KUBE_CONFLICT' ? { after: 30_000 } : 'back off';
  }
}

/** The object that wants a Service; all shared Ingresses together have only the Service itself. */
function ownerOf({ metadata }: LoadBalancerService): ObjectRef {
  const { namespace, ownerReferences, name } = metadata;
  const owner = ownerReferences?.[0];
  return owner === undefined ? { group: '', kind: 'Service', namespace, name } : ownerRef(owner, namespace);
}

function ownerRef(owner: OwnerReference, namespace = ''): ObjectRef {
  const { apiVersion = '', kind = '', name = '' } = owner;
  return { group: apiVersion.slice(0, Math.max(apiVersion.indexOf('/'), 0)), kind, namespace, name };
}
