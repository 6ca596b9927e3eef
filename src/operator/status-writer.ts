import { formatRef } from '../api/index.ts';
import { type KubeClient, KubeFault, pathOf, type RawObject } from '../kube/index.ts';
import type { Log } from '../lib/log.ts';
import { CONTROLLER_NAME } from '../mesh/gateway/index.ts';
import type { ObjectStatus } from '../mesh/model/index.ts';
import type { Change, Collection } from '../store/index.ts';
import { recordsOf, sameJson } from './json.ts';
import type { LiveObject, LiveObjects } from './live-objects.ts';
import { Pacing, type PacingLimits } from './pacing.ts';
import { fieldManager } from './service-manifest.ts';
import { statusPatch } from './status-merge.ts';
import { type Priority, type Reaction, WriteQueue } from './write-queue.ts';

export interface StatusWriterOptions {
  readonly client: KubeClient;
  readonly live: LiveObjects;
  /** What should be there, by `refKey`; no key in two of them. */
  readonly desired: readonly Collection<ObjectStatus>[];
  readonly log: Log;
  readonly limits?: Partial<StatusLimits>;
}

export interface StatusLimits extends PacingLimits {
  readonly concurrency: number;
  /** Writes a second; and at once. */
  readonly rate: number;
  readonly burst: number;
}

/** A burst of 1,000 routes changes their Gateway's numbers 1,000 times; with these they are written a few times. */
export const defaultLimits: StatusLimits = { concurrency: 24, rate: 1500, burst: 500, quiet: 100, longest: 600 };

/** ms */
const tellAgain = 30_000;

export interface StatusCounts {
  /** By kind. */
  readonly written: ReadonlyMap<string, number>;
  readonly conflicts: number;
  readonly failed: number;
}

const controllerOf = (kind: string): string => (kind === 'Ingress' ? '' : CONTROLLER_NAME);

/**
 * Brings statuses to the API server: only where what is there differs, one write for all that happened to an object meanwhile,
 * each for the resource version that it was made for. A merge patch with the resource version is refused if anybody else has
 * written the object: then it is made again from what is there now. Server-side apply would not do, as `status.parents` is one
 * atomic list to it, and it costs the API server several times as much.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #limits: StatusLimits;
  readonly #queue: WriteQueue;
  readonly #counts = { written: new Map<string, number>(), conflicts: 0, failed: 0 };
  /** Objects whose numbers are being held back. */
  readonly #held = new Set<string>();
  readonly #pacing: Pacing;
  /** What the server made of a write (it may know fewer fields than we do): no reason to write again. */
  readonly #settled = new Map<string, { readonly desired: ObjectStatus; readonly version: string }>();
  /** Last word on objects that are ours no more. */
  readonly #released = new Map<string, ObjectStatus>();
  /** Until when the same failure of the same kind is not told again. */
  readonly #told = new Map<string, number>();
  #stops: (() => void)[] = [];
  #abort = new AbortController();

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#pacing = new Pacing(this.#limits);
    this.#queue = new WriteQueue({
      ...this.#limits,
      priorityOf,
      prepare: (key) => this.#prepare(key),
      onError: (key, error) => this.#failed(key, error),
    });
  }

  get counts(): StatusCounts {
    return this.#counts;
  }
  get waiting(): number {
    return this.#queue.size;
  }

  /** Writes from now on, beginning with all that differs. */
  start(): void {
    this.#abort = new AbortController();
    this.#queue.start();
    for (const collection of this.#options.desired)
      this.#stops.push(collection.observe((changes) => this.#changed(changes)));
    this.#stops.push(this.#options.live.observe((key, object) => this.#seen(key, object)));
    for (const key of this.#options.live.keys()) this.#queue.add(key);
  }

  /** Writes nothing more; what is on its way is broken off. */
  stop(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.#queue.stop();
    this.#abort.abort(new KubeFault('KUBE_REFUSED', 'status: not the leader any more'));
    this.#held.clear();
    this.#pacing.clear();
    this.#settled.clear();
    this.#released.clear();
  }

  /** Resolves when everything that should be written is. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  #changed(changes: readonly Change<ObjectStatus>[]): void {
    for (const { key, old, new: status } of changes) {
      if (status === undefined) {
        if (old !== undefined && old.ref.kind === 'Ingress') this.#released.set(key, old);
      } else this.#released.delete(key);
      if (old !== undefined && status !== undefined && differInNumbersOnly(old, status)) this.#hold(key);
      else this.#queue.add(key, status !== undefined && isIncomplete(status) ? this.#limits.quiet : 0);
    }
  }

  #hold(key: string): void {
    if (this.#held.has(key)) return;
    this.#held.add(key);
    this.#queue.add(key, this.#pacing.delay(key, performance.now()));
  }

  #seen(key: string, object: LiveObject | undefined): void {
    if (object !== undefined) {
      // Numbers that are being held back stay so; and most of what the watch tells is our own doing.
      if (!this.#held.has(key) && !this.#isSettled(key, object)) this.#queue.add(key);
      return;
    }
    this.#queue.drop(key);
    this.#held.delete(key);
    this.#pacing.forget(key);
    this.#settled.delete(key);
    this.#released.delete(key);
  }

  #desiredOf(key: string): ObjectStatus | undefined {
    for (const collection of this.#options.desired) {
      const status = collection.get(key);
      if (status !== undefined) return status;
    }
    return undefined;
  }

  #prepare(key: string): (() => Promise<void>) | undefined {
    if (this.#held.delete(key)) this.#pacing.written(key, performance.now());
    const live = this.#options.live.get(key);
    if (live === undefined) return undefined;
    const desired = this.#desiredOf(key);
    if (this.#isSettled(key, live)) return undefined;
    const patch = statusPatch({
      kind: live.ref.kind,
      live: live.status,
      desired: desired?.value ?? this.#lastWord(key, live),
      controllerName: controllerOf(live.ref.kind),
      now: `${new Date().toISOString().slice(0, 19)}Z`,
    });
    return patch === undefined ? undefined : () => this.#write(key, live, patch, desired);
  }

  #isSettled(key: string, { resourceVersion }: LiveObject): boolean {
    const settled = this.#settled.get(key);
    return settled?.version === resourceVersion && settled.desired === this.#desiredOf(key);
  }

  /** An Ingress that is ours no more keeps no address of ours; if another controller has given it one, that stays. */
  #lastWord(key: string, { status }: LiveObject): ObjectStatus['value'] | undefined {
    const released = this.#released.get(key);
    const ours = released?.value.loadBalancer;
    const now = (status as { loadBalancer?: unknown } | undefined)?.loadBalancer;
    return ours !== undefined && sameJson(ours, now) ? { loadBalancer: {} } : undefined;
  }

  async #write(key: string, live: LiveObject, patch: object, desired: ObjectStatus | undefined): Promise<void> {
    const { client } = this.#options;
    const answer = await client.request<RawObject>({
      method: 'PATCH',
      path: statusPath(live),
      query: { fieldManager },
      body: { metadata: { resourceVersion: live.resourceVersion }, status: patch },
      contentType: 'application/merge-patch+json',
      signal: this.#abort.signal,
    });
    const { kind } = live.ref;
    this.#counts.written.set(kind, (this.#counts.written.get(kind) ?? 0) + 1);
    this.#released.delete(key);
    const version = answer.metadata?.resourceVersion;
    if (version === undefined) return;
    if (desired === undefined) this.#settled.delete(key);
    else this.#settled.set(key, { desired, version });
    this.#options.live.written(key, version, { status: answer.status });
  }

  /** A server in trouble, or a role that lacks a verb, fails thousands of writes in the same way: one in a while is told. */
  #tell(error: unknown, { ref }: LiveObject): void {
    const what = `${ref.kind} ${error instanceof KubeFault ? error.code : String(error)}`;
    const now = performance.now();
    if (now < (this.#told.get(what) ?? 0)) return;
    this.#told.set(what, now + tellAgain);
    this.#options.log.warn({ err: error, object: formatRef(ref) }, 'status: not written, and tried again');
  }

  #failed(key: string, error: unknown): Reaction {
    const live = this.#options.live.get(key);
    if (this.#abort.signal.aborted || live === undefined) return 'drop';
    const fault = error instanceof KubeFault ? error : undefined;
    if (fault?.code === 'KUBE_NOT_FOUND') return 'drop';
    if (fault?.code === 'KUBE_CONFLICT') {
      // Somebody else has written the object meanwhile. When the watch tells what, it is this key's turn again.
      this.#counts.conflicts++;
      return 'back off';
    }
    this.#counts.failed++;
    if (fault?.retryAfter !== undefined) this.#queue.pause(fault.retryAfter);
    // No answer at all: the others would fare no better right now.
    else if (fault?.status === 0) this.#queue.pause(200);
    this.#tell(error, live);
    // It would be refused again, unless the object or what we say of it changes; CRDs may change too.
    return fault !== undefined && !fault.transient ? { after: 60_000 } : 'back off';
  }
}

export function statusPath({ ref, kind, version }: LiveObject): string {
  const { namespace, name } = ref;
  return pathOf(kind, { version, name, subresource: 'status', ...(namespace === undefined ? {} : { namespace }) });
}

/** What others wait for goes first: a Gateway's address before the thousandth route. Keys begin with the kind. */
function priorityOf(key: string): Priority {
  return /^(?:GatewayClass|Gateway|Service|ListenerSet)[./]/.test(key) ? 0 : /^Cilium/.test(key) ? 2 : 1;
}

/** A route whose Service is on its way is told of a moment later, once and not twice. */
function isIncomplete({ value }: ObjectStatus): boolean {
  return recordsOf(value.parents).some(({ conditions }) =>
    recordsOf(conditions).some(({ status }) => status === 'False'),
  );
}

function differInNumbersOnly(a: ObjectStatus, b: ObjectStatus): boolean {
  if (a.ref.kind === 'CiliumLoadBalancerIPPool') return true;
  if (a.value.listeners === undefined) return false;
  return sameJson(withoutNumbers(a.value), withoutNumbers(b.value));
}

function withoutNumbers(value: ObjectStatus['value']): object {
  const listeners = recordsOf(value.listeners).map(({ attachedRoutes: _, ...rest }) => rest);
  return { ...value, listeners };
}
