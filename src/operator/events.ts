import { createHash } from 'node:crypto';
import { type Diagnostic, formatRef, type ObjectRef, refKey } from '../api/index.ts';
import { type KubeClient, KubeFault, pathOf } from '../kube/index.ts';
import type { Log } from '../lib/log.ts';
import type { Change, Collection } from '../store/index.ts';
import { type Reaction, WriteQueue } from './write-queue.ts';

export interface EventRecorderOptions {
  readonly client: KubeClient;
  /** By `refKey` of the objects that they are about. What Envoy refused is not among them: the agents tell of that. */
  readonly diagnostics: readonly Collection<readonly Diagnostic[]>[];
  /** Undefined: the object is gone, or none that we know of. */
  readonly uidOf: (ref: ObjectRef) => string | undefined;
  readonly log: Log;
  /** ms that a problem must last before it is told: most are over when the next object has arrived. 1,000. */
  readonly settling?: number;
}

/** What is told, by the name of its Event. */
interface Told {
  readonly diagnostic: Diagnostic;
  readonly object: ObjectRef;
  count: number;
}

/** Characters of an Event's note (events.k8s.io/v1). */
const longestNote = 1024;
/** The API server forgets Events after an hour, and so do we. */
const forgetAfter = 3_600_000;
/** Problems of one object that are told. */
const most = 10;

/**
 * Warning Events for errors in objects, so that `kubectl describe` shows them. Each problem is told once; one that comes back
 * within the hour raises the Event's count. An Event's name follows from what it says: after a change of leader the same ones
 * are found there already.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #queue: WriteQueue;
  readonly #told = new Map<string, Told & { readonly until: number; written: boolean }>();
  #stops: (() => void)[] = [];
  #abort = new AbortController();
  written = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#queue = new WriteQueue({
      concurrency: 2,
      rate: 10,
      burst: 50,
      priorityOf: () => 2,
      prepare: (name) => this.#prepare(name),
      onError: (name, error) => this.#failed(name, error),
    });
  }

  start(): void {
    this.#abort = new AbortController();
    this.#queue.start();
    for (const collection of this.#options.diagnostics) {
      for (const list of collection.values()) this.#tell(list, new Set());
      this.#stops.push(collection.observe((changes) => this.#changed(changes)));
    }
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.#queue.stop();
    this.#abort.abort(new KubeFault('KUBE_REFUSED', 'events: not the leader any more'));
    this.#told.clear();
  }

  idle(): Promise<void> {
    return this.#queue.idle();
  }

  #changed(changes: readonly Change<readonly Diagnostic[]>[]): void {
    for (const { old = [], new: now = [] } of changes) this.#tell(now, new Set(old.map(textOf)));
  }

  #tell(diagnostics: readonly Diagnostic[], before: ReadonlySet<string>): void {
    for (const diagnostic of diagnostics.filter(({ severity }) => severity === 'error').slice(0, most)) {
      const { object } = diagnostic;
      if (object === undefined || before.has(textOf(diagnostic))) continue;
      const name = nameOf(object, diagnostic);
      const known = this.#told.get(name);
      if (known === undefined || known.until < Date.now())
        this.#told.set(name, { diagnostic, object, count: 1, until: Date.now() + forgetAfter, written: false });
      else if (known.written) {
        known.count++;
        known.written = false;
      }
      this.#queue.add(name, this.#options.settling ?? 1000);
    }
  }

  #prepare(name: string): (() => Promise<void>) | undefined {
    const told = this.#told.get(name);
    if (told === undefined || told.written) return undefined;
    if (!this.#stands(told)) {
      this.#told.delete(name);
      return undefined;
    }
    const uid = this.#options.uidOf(told.object);
    return uid === undefined ? undefined : () => this.#write(name, told, uid);
  }

  #stands({ object, diagnostic }: Told): boolean {
    const key = refKey(object);
    const text = textOf(diagnostic);
    return this.#options.diagnostics.some((collection) => collection.get(key)?.some((each) => textOf(each) === text));
  }

  async #write(name: string, told: Told & { written: boolean }, uid: string): Promise<void> {
    const { client } = this.#options;
    const namespace = told.object.namespace ?? 'default';
    const { count } = told;
    const now = new Date().toISOString().replace('Z', '000Z');
    const signal = this.#abort.signal;
    try {
      const body =
        count === 1 ? eventOf(name, namespace, told, uid, now) : { series: { count, lastObservedTime: now } };
      if (count === 1) await client.request({ method: 'POST', path: pathOf('Event', { namespace }), body, signal });
      else await client.request({ method: 'PATCH', path: pathOf('Event', { namespace, name }), body, signal });
    } catch (error) {
      const code = error instanceof KubeFault ? error.code : '';
      // The leader before us told of it; or it was forgotten in the meantime.
      if (code === 'KUBE_NOT_FOUND' && count > 1) told.count = 1;
      if (code !== 'KUBE_CONFLICT' || count > 1) throw error;
    }
    told.written = told.count === count;
    this.written++;
  }

  #failed(name: string, error: unknown): Reaction {
    if (this.#abort.signal.aborted) return 'drop';
    const fault = error instanceof KubeFault ? error : undefined;
    if (fault?.retryAfter !== undefined) this.#queue.pause(fault.retryAfter);
    if (fault?.transient === true || (fault?.code === 'KUBE_NOT_FOUND' && this.#told.get(name)?.count === 1))
      return 'back off';
    this.#options.log.warn({ err: error }, 'event: not written');
    this.#told.delete(name);
    return 'drop';
  }
}

function textOf({ reason, message, field }: Diagnostic): string {
  return JSON.stringify([reason, message, field]);
}

/** `OBJECT.HASH`, as Events are named; the name of a DNS subdomain. */
function nameOf(object: ObjectRef, diagnostic: Diagnostic): string {
  const hash = createHash('sha256')
    .update(`${refKey(object)} ${textOf(diagnostic)}`)
    .digest('hex')
    .slice(0, 16);
  return `${object.name.slice(0, 200).replace(/[.-]+$/, '')}.${hash}`;
}

function eventOf(name: string, namespace: string, { diagnostic, object }: Told, uid: string, now: string): object {
  const { message, hint, field, reason } = diagnostic;
  const note = `${field === undefined ? '' : `${field}: `}${message}${hint === undefined ? '' : ` (${hint})`}`;
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name, namespace },
    type: 'Warning',
    reason: reason.slice(0, 128),
    action: 'Translate',
    note: note.length > longestNote ? `${note.slice(0, longestNote - 3)}...` : note,
    eventTime: now,
    reportingController: 'sluice.dev/operator',
    reportingInstance: `sluice-operator ${formatRef(object)}`.slice(0, 128),
    regarding: {
      apiVersion: apiVersionOf(object),
      kind: object.kind,
      name: object.name,
      ...(object.namespace === undefined ? {} : { namespace: object.namespace }),
      uid,
    },
  };
}

function apiVersionOf({ group }: ObjectRef): string {
  const version = group === 'cilium.io' ? 'v2' : 'v1';
  return group === '' ? version : `${group}/${version}`;
}
