import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ControlPlane } from '../agent/control-plane.ts';
import { type ObjectRef, objectKey, refOf } from '../api/index.ts';
import { type KubeClient, KubeFault, pathOf, type RawObject, Reflector, type WatchEvent } from '../kube/index.ts';
import type { Log } from '../lib/log.ts';
import { ownedResources, publishedLabel, toCiliumEnvoyConfig } from '../mesh/envoyconfig/index.ts';
import type { LiveObjects } from './live-objects.ts';
import { fieldManager } from './service-manifest.ts';
import { type Reaction, WriteQueue } from './write-queue.ts';

export interface EnvoyConfigPublisherOptions {
  readonly client: KubeClient;
  /** Its route tables must be whole ones. */
  readonly plane: ControlPlane;
  readonly live: LiveObjects;
  readonly log: Log;
  /** ms for which changes are collected; 3,000. */
  readonly quiet?: number;
}

const hashAnnotation = 'sluice.dev/hash';
/** Bytes: an object of 1.5 MiB is more than etcd takes, and managed fields come on top. */
const mostBytes = 1_000_000;

/**
 * A CiliumEnvoyConfig for each Ingress and each Gateway of ours, of the same name as Cilium's own. For people and tools: it
 * looks at everything to make one, so it takes its time and gives way to all else.
 */
export class EnvoyConfigPublisher {
  readonly #options: EnvoyConfigPublisherOptions;
  readonly #queue: WriteQueue;
  /** By `namespace/name`: what should be there; undefined before it has been made for the first time. */
  #wanted: ReadonlyMap<string, { readonly hash: string; readonly object: object }> | undefined;
  /** What is there, with its hash. */
  readonly #there = new Map<string, string>();
  #seen: Set<string> | undefined;
  #stops: (() => void)[] = [];
  #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #following: Promise<unknown> = Promise.resolve();
  #making: Promise<void> | undefined;
  /** Something has changed while it was being made. */
  #again = false;

  constructor(options: EnvoyConfigPublisherOptions) {
    this.#options = options;
    this.#queue = new WriteQueue({
      concurrency: 2,
      rate: 20,
      burst: 20,
      priorityOf: () => 2,
      prepare: (key) => this.#prepare(key),
      onError: (key, error) => this.#failed(key, error),
    });
  }

  start(): void {
    this.#abort = new AbortController();
    const { plane } = this.#options;
    this.#queue.start();
    const changed = () => this.#changed();
    this.#stops = [...plane.resources, plane.tables.Ingress, plane.tables.Gateway].map((each) => each.observe(changed));
    this.#wanted = undefined;
    this.#following = this.#follow();
    this.#changed();
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#queue.stop();
    this.#abort.abort(new KubeFault('KUBE_REFUSED', 'published configurations: not the leader any more'));
  }

  async idle(): Promise<void> {
    await this.#following;
    await this.#making;
    await this.#queue.idle();
  }

  #changed(): void {
    if (this.#making !== undefined) this.#again = true;
    else
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#making = this.#make().finally(() => {
          this.#making = undefined;
          if (this.#again && !this.#abort.signal.aborted) this.#changed();
        });
      }, this.#options.quiet ?? 3000).unref();
  }

  async #make(): Promise<void> {
    const { plane, live, log } = this.#options;
    const { signal } = this.#abort;
    this.#again = false;
    const resources = plane.resources.flatMap((collection) => [...collection.values()]);
    const owners = [plane.tables.Ingress, plane.tables.Gateway].flatMap((table) => [...table.values()].map(refOf));
    const wanted = new Map<string, { readonly hash: string; readonly object: object }>();
    for (const owner of owners) {
      await nextTurn();
      if (signal.aborted) return;
      const owned = ownedResources(resources, owner);
      const uid = live.uidOf(owner);
      if (owned.length === 0 || uid === undefined) continue;
      const object = withOwner(toCiliumEnvoyConfig(owned, owner), owner, uid);
      const text = JSON.stringify(object);
      const key = objectKey(object as { metadata: { name: string; namespace: string } });
      if (text.length > mostBytes) log.warn({ object: key }, 'too large to be published as a CiliumEnvoyConfig');
      else wanted.set(key, { object, hash: hashOf(text) });
    }
    this.#wanted = wanted;
    for (const key of [...wanted.keys(), ...this.#there.keys()]) this.#queue.add(key);
  }

  #prepare(key: string): (() => Promise<void>) | undefined {
    const { client } = this.#options;
    const [namespace = '', name = ''] = key.split('/');
    const path = pathOf('CiliumEnvoyConfig', { namespace, name });
    const { signal } = this.#abort;
    if (this.#wanted === undefined) return undefined;
    const wanted = this.#wanted.get(key);
    if (wanted === undefined) {
      if (!this.#there.has(key)) return undefined;
      return async () => void (await client.request({ method: 'DELETE', path, signal }));
    }
    if (this.#there.get(key) === wanted.hash) return undefined;
    const { metadata, ...rest } = wanted.object as { metadata: Record<string, unknown> };
    const annotations = { [hashAnnotation]: wanted.hash };
    return async () => {
      await client.request({
        method: 'PATCH',
        path,
        // Without force: one that somebody else has made under the name stays his.
        query: { fieldManager },
        contentType: 'application/apply-patch+yaml',
        body: { ...rest, metadata: { ...metadata, annotations } },
        signal,
      });
      this.#there.set(key, wanted.hash);
    };
  }

  #failed(key: string, error: unknown): Reaction {
    if (this.#abort.signal.aborted) return 'drop';
    const fault = error instanceof KubeFault ? error : undefined;
    if (fault?.code === 'KUBE_NOT_FOUND') return 'drop';
    this.#options.log.warn({ err: error, object: `CiliumEnvoyConfig ${key}` }, 'not published');
    return fault?.transient === true ? 'back off' : { after: 60_000 };
  }

  #follow(): Promise<unknown> {
    const { client } = this.#options;
    const reflector = new Reflector({
      client,
      path: pathOf('CiliumEnvoyConfig'),
      query: { labelSelector: `${publishedLabel}=true` },
      signal: this.#abort.signal,
      follower: {
        startList: () => {
          this.#seen = new Set();
        },
        listed: (objects) => {
          for (const object of objects) this.#seen?.add(this.#set(object));
        },
        unlisted: (object) => this.#there.delete(keyOf(object)),
        endList: () => {
          for (const key of [...this.#there.keys()]) if (this.#seen?.has(key) === false) this.#there.delete(key);
          for (const key of this.#there.keys()) this.#queue.add(key);
        },
        changed: (events) => this.#see(events),
      },
    });
    return reflector.run();
  }

  #see(events: readonly WatchEvent[]): void {
    for (const { type, object } of events) {
      const key = keyOf(object);
      if (type === 'DELETED') this.#there.delete(key);
      else this.#set(object);
      this.#queue.add(key);
    }
  }

  #set(object: RawObject): string {
    const key = keyOf(object);
    this.#there.set(key, object.metadata?.annotations?.[hashAnnotation] ?? '');
    return key;
  }
}

function withOwner(config: object, { group, kind, name }: ObjectRef, uid: string): object {
  const { metadata, ...rest } = config as { metadata: object };
  const owner = { apiVersion: `${group}/v1`, kind, name, uid, controller: true };
  return { ...rest, metadata: { ...metadata, labels: { [publishedLabel]: 'true' }, ownerReferences: [owner] } };
}

const keyOf = ({ metadata }: RawObject): string => `${metadata?.namespace}/${metadata?.name}`;

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
