import type { Fault } from '../lib/fault.ts';
import { Backoff, type BackoffOptions } from './backoff.ts';
import type { KubeClient } from './client.ts';
import type { RawObject, WatchEvent } from './event-stream.ts';
import { KubeFault } from './kube-fault.ts';
import { type Reachability, waitAfter } from './persist.ts';

/** Where a reflector puts what it sees. Called synchronously, in the order in which things happened. */
export interface Follower {
  /** A full list starts; what came of an earlier one that was broken off is void. */
  startList(): void;
  listed(objects: readonly RawObject[]): void;
  /** Deleted while the list is still coming. */
  unlisted(object: RawObject): void;
  /** The list is whole: whatever was there and is not in it is gone. */
  endList(): void;
  /** `ADDED`, `MODIFIED` and `DELETED`, as many as came together. An object may come again as it is already. */
  changed(events: readonly WatchEvent[]): void;
}

export interface ReflectorOptions {
  readonly client: KubeClient;
  /** A collection: `/apis/discovery.k8s.io/v1/endpointslices`. */
  readonly path: string;
  /** `fieldSelector`, `labelSelector`. */
  readonly query?: Readonly<Record<string, string>>;
  readonly accept?: string;
  /** For a list in pages, where it is not the same. */
  readonly listAccept?: string;
  readonly follower: Follower;
  readonly signal: AbortSignal;
  /** What went wrong, each time. The reflector goes on, and what is there stays in force. */
  readonly onFault?: (fault: Fault) => void;
  /** After a request has succeeded, or failed for lack of a server: for `Reachability`. */
  readonly reachability?: Reachability;
  /** Whether to ask for lists as a stream of events first (`sendInitialEvents`): where the server has it. */
  readonly streamLists?: boolean;
  /** Objects for each page of a list; 500. */
  readonly pageSize?: number;
  /** s for which a watch is asked for, before the server ends it; up to twice as long, at random; 300. */
  readonly watchSeconds?: number;
  /** ms without a sign of the server after which a watch is opened anew; 150,000: the API server sends a bookmark each minute. */
  readonly idleTimeout?: number;
  readonly backoff?: BackoffOptions;
}

export type ReflectorState = 'listing' | 'watching' | 'waiting' | 'ended';

/** Counts since the start, and the latest of each. */
export interface ReflectorStats {
  readonly state: ReflectorState;
  readonly lists: number;
  /** Watches opened. */
  readonly watches: number;
  /** Of these, after one that failed: not at the end of the time for which it was asked. */
  readonly restarts: number;
  /** Events, without bookmarks. */
  readonly events: number;
  readonly lastError?: { readonly code: string; readonly message: string; readonly at: number };
  /** ms since the epoch: when the server was last heard, be it by a bookmark. */
  readonly heardAt: number;
}

/** How a reflector's work ended: the signal, or the server not having the resource (any more). */
export type ReflectorEnd = 'aborted' | 'not-found';

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';
/** A watch that ended sooner than this, with nothing in it, was no good. */
const SHORT = 1000;

/**
 * Keeps a follower in step with one collection of an API server: a list, then watches from where it ended, and a list
 * again when the server no longer knows that point (etcd was compacted). Whatever fails is tried again, later and later;
 * meanwhile the follower keeps what it has. Nothing is lost in between, since each watch starts where the last one was.
 */
export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #backoff: Backoff;
  /** Where the next watch starts; undefined: a list is due. */
  #version: string | undefined;
  #streaming: boolean;
  /** Paging failed for the list taking too long: the next one is asked for in one piece. */
  #inOnePiece = false;
  #failed = false;
  #stats = { state: 'listing' as ReflectorState, lists: 0, watches: 0, restarts: 0, events: 0, heardAt: 0 };
  #lastError: ReflectorStats['lastError'];

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.backoff);
    this.#streaming = options.streamLists ?? false;
  }

  get stats(): ReflectorStats {
    return { ...this.#stats, ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }) };
  }

  /** Runs until the signal is aborted or the resource is not there. Never rejects. */
  async run(): Promise<ReflectorEnd> {
    const { signal, reachability } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#step();
        this.#failed = false;
      } catch (error) {
        if (signal.aborted) break;
        const fault = KubeFault.from(error, 'KUBE_BUG', `follow ${this.#options.path}`);
        if (!(fault instanceof KubeFault)) throw error;
        const reaction = this.#react(fault);
        if (reaction === 'end') {
          this.#stats.state = 'ended';
          return 'not-found';
        }
        if (reaction === 'again') continue;
        this.#stats.state = 'waiting';
        await waitAfter(fault, this.#backoff, signal, reachability);
      }
    }
    this.#stats.state = 'ended';
    return 'aborted';
  }

  #react(fault: KubeFault): 'again' | 'wait' | 'end' {
    this.#failed = true;
    if (fault.code === 'KUBE_GONE' && this.#version !== undefined) {
      // No fault of anybody: where we were has been compacted.
      this.#version = undefined;
      return 'again';
    }
    if (this.#streaming && this.#version === undefined && cannotStream(fault)) {
      // The server has the feature switched off, or an etcd that is too old for it (before 3.4.25).
      this.#streaming = false;
      return 'again';
    }
    this.#lastError = { code: fault.code, message: fault.message, at: Date.now() };
    if (fault.code === 'KUBE_NOT_FOUND') return 'end';
    this.#options.onFault?.(fault);
    return 'wait';
  }

  async #step(): Promise<void> {
    if (this.#version === undefined && !this.#streaming) await this.#listInPages();
    else await this.#watch(this.#version);
  }

  async #listInPages(): Promise<void> {
    const { client, path, query, follower, signal, pageSize = 500 } = this.#options;
    const accept = this.#options.listAccept ?? this.#options.accept;
    this.#stats.state = 'listing';
    follower.startList();
    let next: string | undefined;
    let version: string | undefined;
    do {
      const page = await client
        .request<RawList>({
          method: 'GET',
          path,
          query: {
            ...query,
            ...(this.#inOnePiece ? {} : { limit: `${pageSize}` }),
            ...(next === undefined ? {} : { continue: next }),
          },
          signal,
          timeout: LIST_TIMEOUT,
          ...(accept === undefined ? {} : { accept }),
        })
        .catch((error) => {
          // The token has expired, before the list's end was reached: pages are no use at this pace.
          if (next !== undefined && error instanceof KubeFault && error.code === 'KUBE_GONE') this.#inOnePiece = true;
          throw error;
        });
      signal.throwIfAborted();
      this.#heard();
      if (!Array.isArray(page?.items) || page.metadata?.resourceVersion === undefined)
        throw new KubeFault('KUBE_BAD_ANSWER', `GET ${path}: the server sent something else than a list`);
      follower.listed(page.items);
      // Each page is of the version of the first, or of a later one where the server says so.
      version = page.metadata.resourceVersion;
      next = page.metadata.continue || undefined;
    } while (next !== undefined);
    this.#inOnePiece = false;
    this.#endList(version);
  }

  #endList(version: string): void {
    this.#stats.lists++;
    this.#version = version;
    this.#backoff.reset();
    this.#options.follower.endList();
  }

  /** One watch, to its end; without a version its first events are the list. */
  async #watch(from: string | undefined): Promise<void> {
    const { client, path, query, accept, follower, signal } = this.#options;
    const { watchSeconds = 300, idleTimeout = 150_000 } = this.#options;
    let listing = from === undefined;
    this.#stats.state = listing ? 'listing' : 'watching';
    this.#stats.watches++;
    if (this.#failed) this.#stats.restarts++;
    if (listing) follower.startList();
    const opened = performance.now();
    let events = 0;
    const batches = client.watchBatches({
      path,
      query: {
        ...query,
        allowWatchBookmarks: 'true',
        timeoutSeconds: `${Math.ceil(watchSeconds * (1 + Math.random()))}`,
        ...(from === undefined
          ? { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' }
          : { resourceVersion: from }),
      },
      signal,
      idleTimeout,
      onOpen: () => this.#heard(),
      ...(accept === undefined ? {} : { accept }),
    });
    for await (const batch of batches) {
      // What had arrived already when it was called off.
      if (signal.aborted) return;
      this.#heard();
      if (!listing) this.#backoff.reset();
      events += batch.length;
      listing = this.#take(batch, listing);
    }
    if (signal.aborted) return;
    if (listing) throw new KubeFault('KUBE_UNREACHABLE', `watch ${path}: the server ended it amid its list`);
    if (events === 0 && performance.now() - opened < SHORT)
      throw new KubeFault('KUBE_UNREACHABLE', `watch ${path}: the server ended it at once`);
  }

  /** Says whether the list goes on. */
  #take(batch: readonly WatchEvent[], listing: boolean): boolean {
    const { follower, path } = this.#options;
    let still = listing;
    let run: WatchEvent[] = [];
    const pass = (): void => {
      if (run.length === 0) return;
      if (still) follower.listed(run.map(({ object }) => object));
      else {
        this.#stats.events += run.length;
        follower.changed(run);
      }
      run = [];
    };
    // The beginning of a list that comes as events may have real changes among them.
    for (const event of batch) {
      const version = event.object.metadata?.resourceVersion;
      if (version === undefined)
        throw new KubeFault('KUBE_BAD_ANSWER', `watch ${path}: the server sent an event without a resourceVersion`);
      if (event.type === 'BOOKMARK') {
        pass();
        if (still && event.object.metadata?.annotations?.[INITIAL_EVENTS_END] === 'true') {
          still = false;
          this.#stats.state = 'watching';
          this.#endList(version);
        } else if (!still) this.#version = version;
      } else if (event.type === 'ADDED' || event.type === 'MODIFIED' || event.type === 'DELETED') {
        if (still && event.type === 'DELETED') {
          pass();
          follower.unlisted(event.object);
        } else run.push(event);
        if (!still) this.#version = version;
      }
    }
    pass();
    return still;
  }

  #heard(): void {
    this.#stats.heardAt = Date.now();
    this.#options.reachability?.heard();
  }
}

/** ms for one page: 500 objects of a megabyte each take a while. */
const LIST_TIMEOUT = 120_000;

interface RawList {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly RawObject[];
}

/** The second is a 500, as a failure that passes would be: its text tells it from these. */
function cannotStream({ code, message }: KubeFault): boolean {
  return code === 'KUBE_INVALID' || (code === 'KUBE_SERVER' && message.includes('RequestWatchProgress'));
}
