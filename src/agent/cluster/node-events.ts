import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ObjectRef } from '../../api/index.ts';
import { type KubeClient, KubeFault, pathOf } from '../../kube/index.ts';
import type { Log } from '../../lib/log.ts';

/** Something that people must see on an object, with `kubectl describe` or `kubectl events`. */
export interface NodeEvent {
  readonly object: ObjectRef;
  /** CamelCase. */
  readonly reason: string;
  readonly message: string;
}

/** What a reference lacks of what an Event needs. */
export interface Identity {
  readonly apiVersion: string;
  readonly uid?: string;
}

export interface NodeEventsOptions {
  readonly client: KubeClient;
  readonly node: string;
  readonly identify: (ref: ObjectRef) => Identity | undefined;
  readonly log: Log;
  /** Events at once, and ms for each one more; 20 and 1,000. */
  readonly burst?: number;
  readonly interval?: number;
  /** Tests turn time forward themselves. */
  readonly clock?: { now(): number; wait(milliseconds: number, signal: AbortSignal): Promise<void> };
}

const controller = 'sluice.dev/agent';
/** Of the API (events.k8s.io/v1). */
const mostNote = 1024;
const mostInstance = 128;
/** Waiting; more are dropped, as the next ones say the same of other objects. */
const mostWaiting = 200;
/** An Event whose first attempt fails may be tried again so often. */
const attempts = 3;

/**
 * Kubernetes Events of a node. Each thing is told once while it stands, whatever the number of nodes that find it: the name
 * of an Event says what it is about, so that the second node's is there already. Told again after it was gone, it counts up.
 */
export class NodeEvents {
  readonly #options: NodeEventsOptions;
  readonly #abort = new AbortController();
  /** By key: how often this process told it. */
  readonly #told = new Map<string, number>();
  readonly #queue: NodeEvent[] = [];
  #standing = new Set<string>();
  readonly #clock: NonNullable<NodeEventsOptions['clock']>;
  #tokens: number;
  #refilled: number;
  #working: Promise<void> | undefined;

  constructor(options: NodeEventsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? { now: () => performance.now(), wait: pause };
    this.#tokens = options.burst ?? 20;
    this.#refilled = this.#clock.now();
  }

  /** All that is to be told now; what stood before is not told again. */
  stand(events: readonly NodeEvent[]): void {
    const standing = new Set<string>();
    for (const event of events) {
      const key = keyOf(event);
      if (standing.has(key)) continue;
      standing.add(key);
      if (this.#standing.has(key)) continue;
      if (this.#queue.length < mostWaiting) this.#queue.push(event);
      else this.#options.log.debug({ object: event.object, reason: event.reason }, 'too many Events; one is left out');
    }
    this.#standing = standing;
    if (this.#queue.length > 0)
      this.#working ??= this.#work().finally(() => {
        this.#working = undefined;
      });
  }

  /** Resolves when all are told, or cannot be. */
  async settled(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    const { signal } = this.#abort;
    for (let event = this.#queue.shift(); event !== undefined && !signal.aborted; event = this.#queue.shift()) {
      await this.#token();
      await this.#tell(event);
    }
  }

  /** Waits until there may be one more. */
  async #token(): Promise<void> {
    const { interval = 1000, burst = 20 } = this.#options;
    const refill = () => {
      const now = this.#clock.now();
      this.#tokens = Math.min(burst, this.#tokens + (now - this.#refilled) / interval);
      this.#refilled = now;
    };
    refill();
    if (this.#tokens < 1) {
      await this.#clock.wait((1 - this.#tokens) * interval, this.#abort.signal);
      refill();
    }
    this.#tokens--;
  }

  async #tell(event: NodeEvent): Promise<void> {
    const { log, interval = 1000 } = this.#options;
    const { signal } = this.#abort;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await this.#write(event);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof KubeFault)) throw error;
        if (attempt === attempts || !error.transient) {
          log.warn({ err: error, reason: event.reason }, 'an Event could not be written');
          return;
        }
        await this.#clock.wait(error.retryAfter ?? interval, signal);
      }
    }
  }

  async #write(event: NodeEvent): Promise<void> {
    const { client } = this.#options;
    const { signal } = this.#abort;
    const key = keyOf(event);
    const count = (this.#told.get(key) ?? 0) + 1;
    const { namespace, name, body } = this.#eventOf(event, key);
    try {
      await client.request({ method: 'POST', path: pathOf('Event', { namespace }), body, signal });
    } catch (error) {
      if (!(error instanceof KubeFault && error.code === 'KUBE_CONFLICT')) throw error;
      // Another node's, or ours of before: only what this node found again is worth counting.
      if (count > 1)
        await client.request({
          method: 'PATCH',
          path: pathOf('Event', { namespace, name }),
          body: { series: { count, lastObservedTime: microTime(new Date()) } },
          signal,
        });
    }
    this.#told.set(key, count);
  }

  #eventOf({ object, reason, message }: NodeEvent, key: string) {
    const { node, identify } = this.#options;
    const { apiVersion = object.group === '' ? 'v1' : `${object.group}/v1`, uid } = identify(object) ?? {};
    // Events about what has no namespace are in this one, by the API's own rule.
    const namespace = object.namespace ?? 'default';
    const { group: _group, ...names } = object;
    const hash = createHash('sha256')
      .update(`${key} ${uid ?? ''}`)
      .digest('hex')
      .slice(0, 16);
    const name = `${object.name.slice(0, 200)}.${hash}`;
    const note = `${message} (on node ${node})`;
    return {
      namespace,
      name,
      body: {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { name, namespace },
        eventTime: microTime(new Date()),
        reportingController: controller,
        reportingInstance: node.slice(0, mostInstance),
        action: 'Configure',
        reason,
        regarding: { apiVersion, ...names, ...(uid === undefined ? {} : { uid }) },
        note: note.length <= mostNote ? note : `${note.slice(0, mostNote - 3)}...`,
        type: 'Warning',
      },
    };
  }
}

function keyOf({ object, reason, message }: NodeEvent): string {
  return JSON.stringify([object.kind, object.group, object.namespace ?? '', object.name, reason, message]);
}

/** `metav1.MicroTime` has six digits, and takes no other number of them. */
function microTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return delay(milliseconds, undefined, { signal, ref: false }).catch(() => {});
}
