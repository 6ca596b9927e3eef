import type { Diagnostic, KindName } from '../../api/index.ts';
import type { Resource } from '../../kube/index.ts';
import type { Fault } from '../../lib/fault.ts';
import { Feed, type FeedContext } from './feed.ts';

/** Which objects are wanted: keys are `namespace/name`, or `name`. A store's collections have one. */
export interface Demand {
  keys(): Iterable<string>;
  /** What came and what went, from now on. Returns how to stop. */
  observe(observer: (added: readonly string[], removed: readonly string[]) => void): () => void;
}

/** Names that the API server would take; no other can exist, so it is not asked for them. */
const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/**
 * Objects of a kind that something refers to, each by a watch of its own, as the kubelet does it: the API server indexes
 * Secrets and ConfigMaps by name for that, nothing else of them ever reaches this process, and a role that grants some
 * namespaces only is enough for these.
 */
export class OnDemand {
  readonly #resource: Resource;
  readonly #demand: Demand;
  readonly #context: FeedContext;
  readonly #feeds = new Map<string, Feed>();
  readonly #unsettled = new Map<string, Promise<void>>();
  #unobserve = (): void => {};

  constructor(resource: Resource, demand: Demand, context: FeedContext) {
    this.#resource = resource;
    this.#demand = demand;
    this.#context = context;
  }

  get kind(): KindName {
    return this.#resource.kind as KindName;
  }

  get feeds(): Iterable<Feed> {
    return this.#feeds.values();
  }

  start(): void {
    this.#unobserve = this.#demand.observe((added, removed) => {
      for (const key of removed) this.#drop(key);
      for (const key of added) this.#want(key);
    });
    for (const key of this.#demand.keys()) this.#want(key);
  }

  stop(): void {
    this.#unobserve();
  }

  /** Resolves when everything that was wanted at some time up to then is there, is known not to be, or cannot be had. */
  async settled(): Promise<boolean> {
    const waiting = [...this.#unsettled.values()];
    await Promise.all(waiting);
    return waiting.length === 0;
  }

  #want(key: string): void {
    if (this.#feeds.has(key)) return;
    const slash = key.indexOf('/');
    const namespace = key.slice(0, Math.max(slash, 0));
    const name = key.slice(slash + 1);
    if (!NAME.test(name) || (this.#resource.namespaced && !NAME.test(namespace))) return;
    const subject = `${this.#resource.kind}/${key}: access`;
    let refused = (): void => {};
    const denied = new Promise<void>((resolve) => {
      refused = resolve;
    });
    const { changes } = this.#context;
    const feed = new Feed(
      this.#resource,
      { ...(this.#resource.namespaced ? { namespace } : {}), fieldSelector: `metadata.name=${name}` },
      {
        ...this.#context,
        onFault: (fault) => {
          this.#context.onFault?.(fault);
          if (fault.code !== 'KUBE_FORBIDDEN' || this.#feeds.get(key) !== feed) return;
          changes.diagnose(subject, [forbidden(this.#resource, namespace, name, fault)]);
          refused();
        },
      },
    );
    this.#feeds.set(key, feed);
    const synced = feed.holdings.synced.then(() => changes.diagnose(subject, []));
    const settled = Promise.race([synced, denied]).then(() => {
      if (this.#unsettled.get(key) === settled) this.#unsettled.delete(key);
    });
    this.#unsettled.set(key, settled);
    void feed.start(this.#resource.versions[0] as string);
  }

  #drop(key: string): void {
    const feed = this.#feeds.get(key);
    if (feed === undefined) return;
    this.#feeds.delete(key);
    feed.stop();
    feed.holdings.clear();
    this.#context.changes.diagnose(`${this.#resource.kind}/${key}: access`, []);
  }
}

function forbidden({ kind, group }: Resource, namespace: string, name: string, fault: Fault): Diagnostic {
  const object = namespace === '' ? { group, kind, name } : { group, kind, namespace, name };
  return {
    severity: 'error',
    reason: 'Forbidden',
    message: `${kind} ${namespace === '' ? name : `${namespace}/${name}`} is referred to, but may not be read: ${fault.message}`,
    ...(fault.hint === undefined ? {} : { hint: fault.hint }),
    object,
  };
}
