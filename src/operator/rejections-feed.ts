import { type KubeClient, pathOf, type RawObject, Reflector, type WatchEvent } from '../kube/index.ts';
import { isObject } from '../lib/is-object.ts';
import type { Rejection } from '../mesh/envoy/resource.ts';
import { parseRejections, rejectionKey, rejectionLabel } from '../status/index.ts';
import type { Table } from '../store/index.ts';

/**
 * What the Envoys of all nodes refused, from the ConfigMaps that their agents write, into the table that statuses are derived
 * from. Only ConfigMaps of that label are ever read.
 */
export class RejectionsFeed {
  readonly #table: Table<Rejection>;
  readonly #abort = new AbortController();
  readonly #byNode = new Map<string, readonly Rejection[]>();
  readonly #running: Promise<unknown>;
  #seen: Set<string> | undefined;

  constructor(client: KubeClient, namespace: string, table: Table<Rejection>) {
    this.#table = table;
    const reflector = new Reflector({
      client,
      path: pathOf('ConfigMap', { namespace }),
      query: { labelSelector: `${rejectionLabel}=true` },
      signal: this.#abort.signal,
      follower: {
        startList: () => {
          this.#seen = new Set();
        },
        listed: (objects) => {
          for (const object of objects) this.#seen?.add(this.#set(object));
          this.#publish();
        },
        unlisted: (object) => this.#delete(nameOf(object)),
        endList: () => {
          for (const name of [...this.#byNode.keys()]) if (this.#seen?.has(name) === false) this.#byNode.delete(name);
          this.#publish();
        },
        changed: (events) => this.#changed(events),
      },
    });
    this.#running = reflector.run();
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  #changed(events: readonly WatchEvent[]): void {
    for (const { type, object } of events) {
      if (type === 'DELETED') this.#byNode.delete(nameOf(object));
      else this.#set(object);
    }
    this.#publish();
  }

  #set(object: RawObject): string {
    const name = nameOf(object);
    this.#byNode.set(name, parseRejections(isObject(object.data) ? (object.data as Record<string, string>) : {}));
    return name;
  }

  #delete(name: string): void {
    this.#byNode.delete(name);
    this.#publish();
  }

  #publish(): void {
    const now = mergeRejections(this.#byNode.values());
    for (const key of [...this.#table.keys()]) if (!now.has(key)) this.#table.delete(key);
    for (const [key, rejection] of now) this.#table.set(key, rejection);
  }
}

const nameOf = ({ metadata }: RawObject): string => metadata?.name ?? '';

/** What one node's Envoy refuses the others' refuse too; what they say of it may differ in an address: the first message by text counts. */
function mergeRejections(lists: Iterable<readonly Rejection[]>): Map<string, Rejection> {
  const merged = new Map<string, Rejection>();
  for (const list of lists)
    for (const rejection of list) {
      const key = rejectionKey(rejection);
      const other = merged.get(key);
      if (other === undefined || rejection.message < other.message) merged.set(key, { ...rejection, version: '' });
    }
  return merged;
}
