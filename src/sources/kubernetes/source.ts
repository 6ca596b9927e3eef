import { type KindName, kinds, type Location } from '../../api/index.ts';
import {
  Backoff,
  isCustom,
  type KubeClient,
  persist,
  Reachability,
  type Resource,
  resourceOf,
} from '../../kube/index.ts';
import type { Fault } from '../../lib/fault.ts';
import type { Log } from '../../lib/log.ts';
import { orAborted } from '../../lib/or-aborted.ts';
import type { Source, SourceOptions, SourceStats } from '../source.ts';
import { Changes } from './changes.ts';
import { CustomResources } from './custom-resources.ts';
import { streamsLists } from './discovery.ts';
import { FaultLog } from './fault-log.ts';
import { Feed, type FeedContext, type Scope } from './feed.ts';
import type { RawTap } from './holdings.ts';
import { type KindStats, statsOf } from './kind-stats.ts';
import { type Demand, OnDemand } from './on-demand.ts';

/** What is read of one kind: all of it, what a selector says, or what something refers to. */
export type Selection = Scope & { readonly kind: KindName; readonly demand?: Demand };

export interface KubernetesSourceOptions extends SourceOptions {
  readonly client: KubeClient;
  /** A kind at most once. Other kinds are not asked for. */
  readonly selections: readonly Selection[];
  /** Resolves when all that the sink was told has been worked through, so that every `demand` is up to date. */
  readonly settled?: () => Promise<void>;
  /** For whoever writes to objects, and must know more of them than their kind's parser keeps. Called before the sink. */
  readonly onRaw?: RawTap;
  readonly log?: Log;
  /** Faults of the environment: no server, no permission. The source goes on. */
  readonly onFault?: (fault: Fault) => void;
  readonly tuning?: FeedContext['tuning'];
}

export interface KubernetesSource extends Source {
  /** By kind as written, in the order of the selections. */
  kinds(): readonly KindStats[];
}

/**
 * Opens a Kubernetes API server as a source of objects, kept up to date by watches. `ready` waits as long as it takes, also
 * for a server that is not there yet or a role that is granted later, since a configuration made from half of the objects
 * would be worse than the one that is in force; `onFault` says what it waits for. It rejects only when the source is closed.
 */
export function openKubernetesSource(options: KubernetesSourceOptions): KubernetesSource {
  return new ApiServerSource(options);
}

class ApiServerSource implements KubernetesSource {
  readonly ready: Promise<void>;
  readonly #options: KubernetesSourceOptions;
  readonly #abort = new AbortController();
  readonly #changes: Changes;
  readonly #context: FeedContext;
  readonly #feeds: readonly Feed[];
  readonly #onDemand: readonly OnDemand[];

  constructor(options: KubernetesSourceOptions) {
    this.#options = options;
    this.#changes = new Changes(options);
    const faults = new FaultLog(options.log, options.onFault);
    this.#context = {
      client: options.client,
      changes: this.#changes,
      signal: this.#abort.signal,
      reachability: new Reachability(() => faults.heard()),
      onFault: (fault) => faults.tell(fault),
      tuning: options.tuning ?? {},
      onRaw: options.onRaw,
      streamLists: false,
    };
    const { selections } = options;
    this.#feeds = selections.flatMap((selection) => (selection.demand === undefined ? this.#feedsOf(selection) : []));
    this.#onDemand = selections.flatMap(({ kind, demand }) =>
      demand === undefined ? [] : [new OnDemand(resourceOf(kind), demand, this.#context)],
    );
    this.ready = this.#load();
    // Whoever closes a source that was never ready may not be waiting for it.
    this.ready.catch(() => {});
  }

  stats(): SourceStats {
    const all = [...this.#feeds, ...this.#onDemand.flatMap(({ feeds }) => [...feeds])];
    const sum = (of: (feed: Feed) => number): number => all.reduce((total, feed) => total + of(feed), 0);
    return {
      files: 0,
      documents: sum(({ holdings }) => holdings.size),
      objects: sum(({ holdings }) => holdings.inForce),
      bad: sum(({ holdings }) => holdings.bad),
    };
  }

  kinds(): readonly KindStats[] {
    return [
      ...this.#feeds.map((feed) => statsOf(feed.resource.kind, [feed])),
      ...this.#onDemand.map(({ kind, feeds }) => statsOf(kind, [...feeds])),
    ];
  }

  /** Objects of an API server have no place but their name. */
  locationOf(): Location | undefined {
    return undefined;
  }

  async close(): Promise<void> {
    this.#abort.abort();
    this.#changes.close();
    for (const each of this.#onDemand) each.stop();
    await this.ready.catch(() => {});
  }

  /** `XListenerSet` is read as `ListenerSet`, which comes first where both have an object of one name. */
  #feedsOf({ kind, demand: _demand, ...scope }: Selection): Feed[] {
    const resources = kinds.filter(({ reads }) => reads === kind).map((each): Resource => resourceOf(each.kind));
    const feeds: Feed[] = [];
    for (const resource of resources.reverse())
      feeds.unshift(new Feed(resource, scope, this.#context, feeds[0]?.holdings));
    return feeds;
  }

  async #load(): Promise<void> {
    const { client, tuning, log, settled } = this.#options;
    const context = this.#context;
    const { signal } = context;
    const started = performance.now();
    await new Promise(setImmediate);
    context.streamLists = await persist(() => streamsLists(client, signal), { ...context, ...tuning });
    const custom = this.#feeds.filter(({ resource }) => isCustom(resource.group));
    for (const feed of this.#feeds) if (!custom.includes(feed)) void this.#follow(feed);
    await new CustomResources({ ...context, feeds: custom, tuning: tuning ?? {} }).start();
    await orAborted(Promise.all(this.#feeds.map(({ holdings }) => holdings.synced)), signal);
    this.#changes.open();
    await orAborted(Promise.resolve(settled?.()), signal);
    for (const each of this.#onDemand) each.start();
    // What was wanted may make more wanted.
    for (;;) {
      const rounds = await orAborted(Promise.all(this.#onDemand.map((each) => each.settled())), signal);
      if (rounds.every((nothing) => nothing)) break;
      this.#changes.flush();
      await orAborted(Promise.resolve(settled?.()), signal);
    }
    const { objects, bad } = this.stats();
    log?.info({ server: client.server, objects, bad, ms: Math.round(performance.now() - started) }, 'objects loaded');
  }

  /** A built-in resource is always there; an API server that says otherwise is not whole yet. */
  async #follow(feed: Feed): Promise<void> {
    const backoff = new Backoff(this.#context.tuning.backoff);
    const { signal } = this.#context;
    while ((await feed.start(feed.resource.versions[0] as string)) === 'not-found') await backoff.wait(signal);
  }
}
