import type { Log } from '../../lib/log.ts';
import type { Manifest } from '../../network/endpoint/index.ts';
import type { ClusterObjects } from './cluster-objects.ts';

type Named = Pick<Manifest, 'apiVersion' | 'kind' | 'metadata'>;
type Wanted =
  | { readonly op: 'apply'; readonly manifest: Manifest }
  | { readonly op: 'remove'; readonly manifest: Named };

/** ms after a failure, doubled each time up to the second. */
const firstWait = 500;
const longestWait = 30_000;

/**
 * Writes what this node tells others, one write at a time for each object and the newest only, until it is there: a failure is
 * logged and tried again.
 */
export class Publisher {
  readonly #objects: ClusterObjects;
  readonly #log: Log;
  readonly #wanted = new Map<string, Wanted>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #closed = false;
  #failures = 0;
  #successes = 0;
  #lastError: string | undefined;

  constructor(objects: ClusterObjects, log: Log) {
    this.#objects = objects;
    this.#log = log;
  }

  apply(manifest: Manifest): void {
    this.#want({ op: 'apply', manifest });
  }
  remove(manifest: Named): void {
    this.#want({ op: 'remove', manifest });
  }

  state() {
    return {
      successes: this.#successes,
      failures: this.#failures,
      lastError: this.#lastError,
      waiting: this.#wanted.size,
    };
  }

  /** Ends when what is being written is; what has failed is not tried again. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#running.values());
  }

  #want(wanted: Wanted): void {
    const { kind, metadata } = wanted.manifest;
    const key = `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
    this.#wanted.set(key, wanted);
    this.#run(key, firstWait);
  }

  #run(key: string, wait: number): void {
    if (this.#running.has(key) || this.#closed) return;
    const running = this.#write(key).then((done) => {
      this.#running.delete(key);
      if (!this.#wanted.has(key) || this.#closed) return;
      if (done) return this.#run(key, firstWait);
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#run(key, Math.min(2 * wait, longestWait));
      }, wait);
      timer.unref();
      this.#timers.add(timer);
    });
    this.#running.set(key, running);
  }

  async #write(key: string): Promise<boolean> {
    const wanted = this.#wanted.get(key);
    if (wanted === undefined) return true;
    try {
      await (wanted.op === 'apply' ? this.#objects.apply(wanted.manifest) : this.#objects.remove(wanted.manifest));
      if (this.#wanted.get(key) === wanted) this.#wanted.delete(key);
      this.#successes++;
      return true;
    } catch (error) {
      this.#failures++;
      this.#lastError = error instanceof Error ? error.message : String(error);
      this.#log.warn({ err: error }, `${wanted.op} ${key}: it is tried again`);
      return false;
    }
  }
}
