/** How urgent a key is: lower ones go first. */
export type Priority = 0 | 1 | 2;

/** What to do about a failed write: try again later and later, at a time, or not before something changes. */
export type Reaction = 'back off' | 'drop' | { readonly after: number };

export interface WriteQueueOptions {
  /** Writes at the same time. */
  readonly concurrency: number;
  /** Writes a second in the long run, and at once after a rest. */
  readonly rate: number;
  readonly burst: number;
  readonly priorityOf: (key: string) => Priority;
  /**
   * Looks at what there is now, when it is the key's turn: the write, or undefined where there is nothing to write. Everything
   * that happened to the key until then is in this one write.
   */
  readonly prepare: (key: string) => (() => Promise<void>) | undefined;
  readonly onError: (key: string, error: unknown) => Reaction;
  /** ms, monotonic. */
  readonly now?: () => number;
}

const firstBackoff = 50;
const longestBackoff = 30_000;

/**
 * Writes by key: at most one at a time for each, so many at a time and so many a second in all, those that others wait for
 * first. A key that fails is tried again by itself, and does not hold up the others.
 */
export class WriteQueue {
  readonly #options: WriteQueueOptions;
  readonly #now: () => number;
  readonly #ready: readonly Set<string>[] = [new Set(), new Set(), new Set()];
  readonly #later = new Map<string, { readonly due: number; readonly timer: NodeJS.Timeout }>();
  readonly #busy = new Set<string>();
  readonly #attempts = new Map<string, number>();
  #tokens: number;
  #refilled: number;
  /** Nothing is written before. */
  #pausedUntil = 0;
  #wake: NodeJS.Timeout | undefined;
  #scheduled = false;
  #running = false;
  #idle: (() => void)[] = [];

  constructor(options: WriteQueueOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#tokens = options.burst;
    this.#refilled = this.#now();
  }

  /** Keys that wait for their turn, or for a time. */
  get size(): number {
    return this.#ready.reduce((sum, keys) => sum + keys.size, 0) + this.#later.size;
  }
  get busy(): number {
    return this.#busy.size;
  }

  start(): void {
    this.#running = true;
    this.#schedule();
  }

  /** Forgets what waits. Writes in progress are the caller's to abort. */
  stop(): void {
    this.#running = false;
    for (const keys of this.#ready) keys.clear();
    for (const { timer } of this.#later.values()) clearTimeout(timer);
    this.#later.clear();
    this.#attempts.clear();
    clearTimeout(this.#wake);
    this.#wake = undefined;
    this.#told();
  }

  /** `delay`: ms for which it may wait for more; the earliest time counts. */
  add(key: string, delay = 0): void {
    if (!this.#running) return;
    const priority = this.#options.priorityOf(key);
    if (this.#ready[priority]!.has(key)) return;
    const present = this.#later.get(key);
    if (delay <= 0) {
      this.#forget(key);
      this.#ready[priority]!.add(key);
      this.#schedule();
      return;
    }
    const due = this.#now() + delay;
    if (present !== undefined && present.due <= due) return;
    this.#forget(key);
    const timer = setTimeout(() => {
      this.#later.delete(key);
      this.add(key);
    }, delay);
    this.#later.set(key, { due, timer: timer.unref() });
  }

  /** The object is gone. */
  drop(key: string): void {
    for (const keys of this.#ready) keys.delete(key);
    this.#forget(key);
    this.#attempts.delete(key);
    this.#told();
  }

  /** The server wants to be left alone for so many ms. */
  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#now() + ms);
  }

  /** Resolves when nothing waits and nothing is being written. */
  idle(): Promise<void> {
    if (this.size + this.#busy.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (!this.#running) return;
    const { concurrency, prepare } = this.#options;
    const now = this.#now();
    this.#refill(now);
    for (const keys of this.#ready)
      for (const key of keys) {
        if (this.#busy.size >= concurrency) return;
        const wait = Math.max(this.#pausedUntil - now, this.#tokens >= 1 ? 0 : (1 - this.#tokens) / this.#perMs);
        if (wait > 0) {
          this.#wake ??= setTimeout(() => {
            this.#wake = undefined;
            this.#pump();
          }, Math.ceil(wait)).unref();
          return;
        }
        // One that is being written waits for its end: then it is looked at again.
        if (this.#busy.has(key)) continue;
        keys.delete(key);
        const write = prepare(key);
        if (write === undefined) {
          this.#attempts.delete(key);
          continue;
        }
        this.#tokens--;
        this.#busy.add(key);
        void this.#run(key, write);
      }
    this.#told();
  }

  async #run(key: string, write: () => Promise<void>): Promise<void> {
    try {
      await write();
      this.#attempts.delete(key);
    } catch (error) {
      const reaction = this.#options.onError(key, error);
      if (reaction === 'back off') this.add(key, this.#backoff(key));
      else if (reaction !== 'drop') this.add(key, Math.max(1, reaction.after));
    } finally {
      this.#busy.delete(key);
      if (this.#running) this.#pump();
      else this.#told();
    }
  }

  #backoff(key: string): number {
    const attempts = this.#attempts.get(key) ?? 0;
    this.#attempts.set(key, attempts + 1);
    return Math.min(firstBackoff * 2 ** Math.min(attempts, 20), longestBackoff) * (0.5 + Math.random() / 2);
  }

  get #perMs(): number {
    return this.#options.rate / 1000;
  }
  #refill(now: number): void {
    this.#tokens = Math.min(this.#options.burst, this.#tokens + (now - this.#refilled) * this.#perMs);
    this.#refilled = now;
  }
  #forget(key: string): void {
    clearTimeout(this.#later.get(key)?.timer);
    this.#later.delete(key);
  }
  #told(): void {
    if (this.#idle.length === 0 || this.size + this.#busy.size > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}
