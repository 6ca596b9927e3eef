import {
  pathOf,
  Reflector,
  type ReflectorEnd,
  type ReflectorOptions,
  type ReflectorStats,
  type Resource,
} from '../../kube/index.ts';
import type { Changes } from './changes.ts';
import { Holdings, type RawTap } from './holdings.ts';

/** What of a kind is read. */
export interface Scope {
  /** All namespaces unless given. */
  readonly namespace?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

/** What all feeds of a source have in common. */
export type FeedContext = Pick<ReflectorOptions, 'client' | 'reachability' | 'onFault'> & {
  readonly changes: Changes;
  readonly signal: AbortSignal;
  readonly tuning: Pick<ReflectorOptions, 'pageSize' | 'watchSeconds' | 'idleTimeout' | 'backoff'>;
  readonly onRaw?: RawTap | undefined;
  /** Known once the server has been asked. */
  streamLists: boolean;
};

/** One resource, or one object of it, followed: a reflector and what it holds. Can be started and stopped many times. */
export class Feed {
  readonly resource: Resource;
  readonly holdings: Holdings;
  readonly #context: FeedContext;
  readonly #scope: Scope;
  #running: { readonly abort: AbortController; readonly reflector: Reflector; readonly version: string } | undefined;
  #before: ReflectorStats | undefined;

  constructor(resource: Resource, scope: Scope, context: FeedContext, beneath?: Holdings) {
    this.resource = resource;
    this.#scope = scope;
    this.#context = context;
    this.holdings = new Holdings({ resource, changes: context.changes, beneath, onRaw: context.onRaw });
  }

  /** The version that is asked for; undefined while nothing is. */
  get version(): string | undefined {
    return this.#running?.version;
  }

  /** Resolves when it has ended: because it was stopped, or because the server does not have the resource. */
  async start(version: string): Promise<ReflectorEnd> {
    this.stop();
    const { client, signal, reachability, onFault, streamLists, tuning } = this.#context;
    const { namespace, fieldSelector, labelSelector } = this.#scope;
    const abort = new AbortController();
    const stop = (): void => abort.abort();
    signal.addEventListener('abort', stop, { once: true });
    const reflector = new Reflector({
      client,
      path: pathOf(this.resource, { version, ...(namespace === undefined ? {} : { namespace }) }),
      query: {
        ...(fieldSelector === undefined ? {} : { fieldSelector }),
        ...(labelSelector === undefined ? {} : { labelSelector }),
      },
      follower: this.holdings,
      signal: abort.signal,
      streamLists,
      ...(reachability === undefined ? {} : { reachability }),
      ...(onFault === undefined ? {} : { onFault }),
      ...tuning,
    });
    this.#running = { abort, reflector, version };
    const end = await reflector.run();
    signal.removeEventListener('abort', stop);
    if (this.#running?.reflector === reflector) this.stop();
    return end;
  }

  /** What it holds stays in force. */
  stop(): void {
    if (this.#running === undefined) return;
    this.#running.abort.abort();
    this.#before = this.stats;
    this.#running = undefined;
  }

  /** Of all runs together. */
  get stats(): ReflectorStats | undefined {
    const now = this.#running?.reflector.stats;
    const before = this.#before;
    if (now === undefined) return before === undefined ? undefined : { ...before, state: 'ended' };
    if (before === undefined) return now;
    return {
      ...before,
      ...now,
      lists: before.lists + now.lists,
      watches: before.watches + now.watches,
      restarts: before.restarts + now.restarts,
      events: before.events + now.events,
      heardAt: Math.max(before.heardAt, now.heardAt),
    };
  }
}
