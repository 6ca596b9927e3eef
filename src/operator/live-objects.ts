import { GATEWAY_GROUP, type ObjectRef, refKey } from '../api/index.ts';
import type { RawObject, Resource } from '../kube/index.ts';
import { isObject } from '../lib/is-object.ts';
import { kindsOf } from '../mesh/inputs.ts';
import { manifestOf, type ServiceManifest } from './service-manifest.ts';

/** What is kept of an object as the API server has it. */
export interface LiveObject {
  readonly ref: ObjectRef;
  /** As written, where it differs from `ref.kind`: `XListenerSet`. */
  readonly kind: string;
  readonly version: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly status: unknown;
  /** Of Services that may be ours to write. */
  readonly manifest?: ServiceManifest;
}

/**
 * Objects whose statuses we write, as the API server has them: with the resource version that a write must name, and what
 * other controllers have said. Fed by the Kubernetes source, which sees everything anyway, and by the answers to our own
 * writes, which come before the watch tells of them.
 */
export class LiveObjects {
  readonly #objects = new Map<string, LiveObject>();
  /** Of objects that people may be told something of, and that have no status of ours. */
  readonly #uids = new Map<string, string>();
  readonly #observers = new Set<(key: string, object: LiveObject | undefined) => void>();

  get size(): number {
    return this.#objects.size;
  }
  has(key: string): boolean {
    return this.#objects.has(key);
  }
  get(key: string): LiveObject | undefined {
    return this.#objects.get(key);
  }
  /** Also of an object whose status is none of our business, as far as its kind is. */
  uidOf(ref: ObjectRef): string | undefined {
    const key = refKey(ref);
    return this.#objects.get(key)?.uid ?? this.#uids.get(key);
  }
  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }
  entries(): IterableIterator<[string, LiveObject]> {
    return this.#objects.entries();
  }

  /** Each time that an object is set or deleted. Returns how to stop. */
  observe(observer: (key: string, object: LiveObject | undefined) => void): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** From the source. What is older than what is known here, by an answer to a write, is no news. */
  set(raw: RawObject, resource: Resource): void {
    const live = toLive(raw, resource);
    if (live === undefined) {
      const { name, namespace, uid } = raw.metadata ?? {};
      if (name === undefined) return;
      const ref = liveRef(resource, namespace, name);
      // A Service that is no load balancer any more.
      this.delete(ref);
      if (told.has(resource.kind) && typeof uid === 'string') this.#uids.set(refKey(ref), uid);
      return;
    }
    const key = refKey(live.ref);
    const known = this.#objects.get(key);
    if (known !== undefined && known.uid === live.uid && isOlder(live.resourceVersion, known.resourceVersion)) return;
    this.#put(key, live);
  }

  /** From the answer to a write. */
  written(key: string, resourceVersion: string, change: Partial<Pick<LiveObject, 'status' | 'manifest'>>): void {
    const known = this.#objects.get(key);
    if (known === undefined || isOlder(resourceVersion, known.resourceVersion)) return;
    this.#objects.set(key, { ...known, resourceVersion, ...change });
  }

  delete(ref: ObjectRef): void {
    const key = refKey(ref);
    this.#uids.delete(key);
    if (!this.#objects.delete(key)) return;
    for (const observer of this.#observers) observer(key, undefined);
  }

  #put(key: string, live: LiveObject): void {
    this.#objects.set(key, live);
    for (const observer of this.#observers) observer(key, live);
  }
}

const withStatus: ReadonlySet<string> = new Set([
  ...kindsOf.gatewayApi.filter((kind) => kind !== 'ReferenceGrant'),
  'Ingress',
  'CiliumLoadBalancerIPPool',
  'CiliumNetworkPolicy',
  'CiliumClusterwideNetworkPolicy',
]);

const told: ReadonlySet<string> = new Set([...kindsOf.envoyConfig, 'Service', 'Secret', 'ReferenceGrant']);

function toLive(raw: RawObject, { kind, group, versions }: Resource): LiveObject | undefined {
  const { metadata, apiVersion } = raw;
  if (metadata?.name === undefined || metadata.resourceVersion === undefined) return undefined;
  const isService = kind === 'Service';
  const reads = readsOf(kind);
  if (!withStatus.has(reads) && !(isService && mayBeOurs(raw))) return undefined;
  const { name, namespace, resourceVersion, uid } = metadata;
  return {
    ref: liveRef({ kind, group }, namespace, name),
    kind,
    // Items of lists of built-in kinds don't say it, and these have one version.
    version: apiVersion?.slice(apiVersion.indexOf('/') + 1) ?? (versions[0] as string),
    uid: String(uid ?? ''),
    resourceVersion,
    status: raw.status,
    ...(isService ? { manifest: manifestOf(raw) } : {}),
  };
}

/** As the parsers call it. */
export function liveRef(
  { kind, group }: Pick<Resource, 'kind' | 'group'>,
  namespace: string | undefined,
  name: string,
): ObjectRef {
  return {
    group: kind === 'XListenerSet' ? GATEWAY_GROUP : group,
    kind: readsOf(kind),
    ...(namespace === undefined ? {} : { namespace }),
    name,
  };
}

const readsOf = (kind: string): string => (kind === 'XListenerSet' ? 'ListenerSet' : kind);

/** There are thousands of Services, and few of them have anything to do with us. */
function mayBeOurs({ metadata, spec }: RawObject): boolean {
  return (isObject(spec) && spec.type === 'LoadBalancer') || metadata?.name?.startsWith('cilium-') === true;
}

/** Resource versions are numbers that rise (KEP-5504); where they are not, nothing is older. */
export function isOlder(a: string, b: string): boolean {
  if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return false;
  return a.length === b.length ? a < b : a.length < b.length;
}
