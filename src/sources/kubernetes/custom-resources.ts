import {
  Backoff,
  type KubeClient,
  type PersistOptions,
  pathOf,
  persist,
  Reflector,
  type ReflectorOptions,
  resourceOf,
} from '../../kube/index.ts';
import { Definitions } from './definitions.ts';
import { discoverGroup, type Served } from './discovery.ts';
import type { Feed } from './feed.ts';

export interface CustomResourcesOptions extends Pick<PersistOptions, 'signal' | 'onFault' | 'reachability'> {
  readonly client: KubeClient;
  /** Of all custom groups. */
  readonly feeds: readonly Feed[];
  readonly streamLists: boolean;
  readonly tuning: Pick<ReflectorOptions, 'pageSize' | 'watchSeconds' | 'idleTimeout' | 'backoff'>;
}

interface Group {
  readonly feeds: readonly Feed[];
  readonly backoff: Backoff;
  /** Rises with every reason to look. */
  asked: number;
  looking: boolean;
}

/** ms between looks at a group whose definitions and discovery do not agree (yet). */
const LOOKS_APART = { first: 100, longest: 5000 };
/** Looks, after which discovery is believed though there is a definition: it may have only versions that we do not read. */
const LOOKS = 12;

/**
 * Starts the feeds of custom resources when the server has these, in the version that both sides know, and empties them when
 * it has them no more. One 404 is no proof of that: an API server that has just started may not know its custom resources
 * yet, so discovery must say the same, and the definition must be gone.
 */
export class CustomResources {
  readonly #options: CustomResourcesOptions;
  readonly #groups: ReadonlyMap<string, Group>;
  readonly #definitions = new Definitions((name) => this.#ask(name.slice(name.indexOf('.') + 1)));

  constructor(options: CustomResourcesOptions) {
    this.#options = options;
    const groups = Map.groupBy(options.feeds, ({ resource }) => resource.group);
    this.#groups = new Map(
      [...groups].map(([name, feeds]) => [
        name,
        { feeds, backoff: new Backoff(LOOKS_APART), asked: 0, looking: false },
      ]),
    );
  }

  /** Resolves when it is known what the server has, and the feeds of it have started. */
  async start(): Promise<void> {
    const { signal, tuning, streamLists } = this.#options;
    await Promise.all(
      [...this.#groups.values()].map(async (group) => this.#settle(group, await this.#discover(group))),
    );
    if (this.#groups.size === 0) return;
    const meta = (kind: string) => `application/json;as=${kind};g=meta.k8s.io;v=v1`;
    const reflector = new Reflector({
      ...this.#options,
      ...tuning,
      path: pathOf(resourceOf('CustomResourceDefinition')),
      accept: meta('PartialObjectMetadata'),
      listAccept: meta('PartialObjectMetadataList'),
      follower: this.#definitions,
      streamLists,
      signal,
    });
    void reflector.run();
  }

  #ask(name: string): void {
    const group = this.#groups.get(name);
    if (group === undefined) return;
    group.asked++;
    if (!group.looking) void this.#look(group);
  }

  async #look(group: Group): Promise<void> {
    const { signal } = this.#options;
    group.looking = true;
    try {
      for (let looks = 1; !signal.aborted; looks++) {
        const { asked } = group;
        const settled = this.#settle(group, await this.#discover(group), looks >= LOOKS);
        if (group.asked !== asked) {
          looks = 0;
          group.backoff.reset();
        } else if (settled) return;
        await group.backoff.wait(signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      group.looking = false;
      group.backoff.reset();
    }
  }

  #discover(group: Group): Promise<Served> {
    const { client, signal } = this.#options;
    const resources = group.feeds.map(({ resource }) => resource);
    return persist(() => discoverGroup(client, resources, signal), { ...this.#options, ...this.#options.tuning });
  }

  /** Says whether definitions and discovery agree; `believe`: discovery is taken at its word in any case. */
  #settle(group: Group, served: Served, believe = false): boolean {
    let agreed = true;
    for (const feed of group.feeds) {
      const { kind, plural, group: name } = feed.resource;
      const version = served.get(kind);
      if (version !== undefined) {
        if (feed.version !== version) void this.#run(group, feed, version);
        continue;
      }
      const defined = this.#definitions.has(`${plural}.${name}`);
      if (defined === false || believe || feed.holdings.size === 0) {
        feed.stop();
        feed.holdings.clear();
      }
      if (defined === true || (defined === undefined && feed.holdings.size > 0)) agreed = false;
    }
    return agreed || believe;
  }

  async #run(group: Group, feed: Feed, version: string): Promise<void> {
    if ((await feed.start(version)) !== 'not-found') return;
    await group.backoff.wait(this.#options.signal);
    if (!this.#options.signal.aborted) this.#ask(feed.resource.group);
  }
}
