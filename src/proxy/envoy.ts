import { EventEmitter } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { assert, Fault } from '../lib/fault.ts';
import { EnvoyAdmin } from './admin.ts';
import type { BootstrapOptions } from './bootstrap.ts';
import { type EnvoyChild, type Exit, spawnEnvoy } from './child.ts';
import { drain } from './drain.ts';
import { findEnvoy, modulesDir } from './find-envoy.ts';
import type { LogLevel } from './log-lines.ts';
import { restartDelay } from './restart.ts';
import { lockStateDir, type StateDir } from './state-dir.ts';

export interface EnvoyOptions {
  /** Ours alone: holds the lock, the bootstrap and the admin socket. Made with mode 0700 if it is not there. */
  readonly stateDir: string;
  /** Or a file that somebody else keeps, which must name this one's admin socket; read at each start of the process. */
  readonly bootstrap: Omit<BootstrapOptions, 'adminSocket'> | { readonly file: string };
  readonly logger: Logger;
  /** `findEnvoy()` by default. */
  readonly binary?: string;
  readonly modulesDir?: string;
  /** `warn` by default. */
  readonly logLevel?: LogLevel;
  readonly concurrency?: number;
  /** Milliseconds that `stop` waits for requests in flight; 10,000 by default. */
  readonly drainTime?: number;
  /** Seconds that connections of a removed or changed listener live on; 600, Envoy's own default. */
  readonly listenerDrainSeconds?: number;
  readonly stdout?: 'inherit' | 'ignore' | number;
}

export type EnvoyState = 'stopped' | 'starting' | 'ready' | 'waiting' | 'stopping';

export interface EnvoyEvents {
  starting: [pid: number | undefined];
  /** Serving with all of its first configuration; milliseconds since `starting`. */
  ready: [milliseconds: number];
  exited: [exit: Exit];
  /** After `delay` milliseconds. */
  restarting: [delay: number];
  /** It ended before it was ready, three times or more in a row; tried again all the same. */
  failing: [fault: Fault];
}

/** A start that ended before Envoy was ready counts as hopeless after so many in a row. */
const hopelessStarts = 3;

/** An Envoy process that is kept running: started, watched, restarted when it dies, drained and stopped. */
export class Envoy extends EventEmitter<EnvoyEvents> implements AsyncDisposable {
  readonly admin: EnvoyAdmin;
  readonly #options: EnvoyOptions;
  readonly #bootstrapPath: string;
  readonly #stopRequested = new AbortController();
  #state: EnvoyState = 'stopped';
  #child: EnvoyChild | undefined;
  #lock: StateDir | undefined;
  #supervision: Promise<void> | undefined;
  readonly #locked = Promise.withResolvers<void>();
  #stopped: Promise<void> | undefined;
  #restarts = 0;

  constructor(options: EnvoyOptions) {
    super();
    this.#locked.promise.catch(() => {});
    this.#options = options;
    this.admin = new EnvoyAdmin(join(options.stateDir, 'admin.sock'));
    this.#bootstrapPath =
      'file' in options.bootstrap ? options.bootstrap.file : join(options.stateDir, 'bootstrap.json');
  }

  get state(): EnvoyState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** The state directory is ours: nothing of another process is touched before. Rejects as `start` does. */
  get locked(): Promise<void> {
    return this.#locked.promise;
  }

  /** How often Envoy was started again after it had died. */
  get restarts(): number {
    return this.#restarts;
  }

  /**
   * Resolves when Envoy serves, which takes its whole first configuration from ADS. Once only.
   * @throws Fault ENVOY_START_FAILED with Envoy's last lines (three starts in a row ended early), what `findEnvoy`,
   * `bootstrap` and `lockStateDir` throw, and the signal's reason. Nothing is left running then.
   */
  async start(signal?: AbortSignal): Promise<void> {
    assert(this.#supervision === undefined && this.#stopped === undefined, 'Envoy: started twice');
    signal?.throwIfAborted();
    const ready = Promise.withResolvers<void>();
    ready.promise.catch(() => {});
    const abort = (): void => ready.reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const adminSocket = this.admin.socketPath;
      const given = this.#options.bootstrap;
      const bootstrap = 'file' in given ? undefined : await bootstrapOf({ ...given, adminSocket });
      this.#lock = await lockStateDir(this.#options.stateDir);
      this.#locked.resolve();
      const binary = this.#options.binary ?? (await findEnvoy(signal && { signal })).path;
      await rm(adminSocket, { force: true });
      if (bootstrap !== undefined)
        await writeFile(this.#bootstrapPath, JSON.stringify(bootstrap, null, 1), { mode: 0o600 });
      signal?.throwIfAborted();
      this.#supervision = this.#supervise(binary, ready);
      await ready.promise;
    } catch (error) {
      this.#locked.reject(error);
      await this.stop({ drainTime: 0 });
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Drains for at most `drainTime` milliseconds, then ends Envoy: asked to, told to (SIGTERM), made to (SIGKILL). */
  stop(options: { drainTime?: number } = {}): Promise<void> {
    this.#stopped ??= this.#stop(options.drainTime ?? this.#options.drainTime ?? 10_000);
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #supervise(binary: string, firstReady: PromiseWithResolvers<void>): Promise<void> {
    const stop = this.#stopRequested.signal;
    let everReady = false;
    // Exits in a row without a long enough life in between, and those of them before it was ready.
    let exits = 0;
    let failedStarts = 0;
    while (!stop.aborted) {
      const started = performance.now();
      const child = this.#spawn(binary);
      this.#child = child;
      this.#become('starting');
      this.emit('starting', child.pid);
      const wasReady = await this.#untilReady(child, stop);
      if (wasReady) {
        const milliseconds = performance.now() - started;
        everReady = true;
        failedStarts = 0;
        this.#become('ready');
        this.emit('ready', milliseconds);
        firstReady.resolve();
      }
      const exit = await child.exited;
      this.#child = undefined;
      this.emit('exited', exit);
      if (stop.aborted) break;
      if (!wasReady && ++failedStarts >= hopelessStarts) {
        const fault = startFailed(exit, failedStarts);
        if (!everReady) return firstReady.reject(fault);
        this.emit('failing', fault);
      }
      exits = performance.now() - started > 10_000 ? 1 : exits + 1;
      const wait = restartDelay(exits);
      this.#options.logger.error({ code: exit.code, signal: exit.signal, wait }, 'Envoy died; it is started again');
      this.#become('waiting');
      this.#restarts++;
      this.emit('restarting', wait);
      if (wait > 0) await delay(wait, undefined, { signal: stop }).catch(() => {});
    }
  }

  #spawn(binary: string): EnvoyChild {
    const { logger, concurrency, logLevel = 'warn', listenerDrainSeconds = 600, stdout = 'inherit' } = this.#options;
    return spawnEnvoy({
      ...{ binary, logger, logLevel, concurrency, listenerDrainSeconds, stdout },
      bootstrapPath: this.#bootstrapPath,
      modulesDir: this.#options.modulesDir ?? modulesDir(),
      stopping: () => this.#stopRequested.signal.aborted,
    });
  }

  /** Asks until Envoy says that it is ready; false when it ends or is to stop before that. */
  async #untilReady(child: EnvoyChild, stop: AbortSignal): Promise<boolean> {
    const over = new AbortController();
    void child.exited.then(() => over.abort());
    const signal = AbortSignal.any([over.signal, stop]);
    try {
      for (let asked = 0; !signal.aborted; asked++) {
        if (await this.admin.ready({ signal })) return true;
        // A start takes some 100 ms: ask often at first, then as often as a person could notice.
        await delay(asked < 200 ? 5 : 50, undefined, { signal });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return false;
  }

  async #stop(drainTime: number): Promise<void> {
    const child = this.#child;
    const wasReady = this.#state === 'ready';
    this.#become('stopping');
    this.#stopRequested.abort();
    if (child) {
      const over = new AbortController();
      void child.exited.then(() => over.abort());
      if (wasReady && drainTime > 0) await this.#drain(drainTime, over.signal);
      if (!over.signal.aborted) await this.admin.quit({ signal: over.signal, timeout: 1000 }).catch(() => {});
      for (const kill of ['SIGTERM', 'SIGKILL'] as const) {
        if (await settlesWithin(child.exited, 2000)) break;
        child.kill(kill);
      }
      await child.exited;
    }
    await this.#supervision;
    this.admin.close();
    // Envoy leaves it behind.
    if (this.#lock) await rm(this.admin.socketPath, { force: true });
    await this.#lock?.close();
    this.#become('stopped');
  }

  async #drain(drainTime: number, signal: AbortSignal): Promise<void> {
    try {
      const idle = await drain(this.admin, drainTime, signal);
      if (!idle) this.#options.logger.warn({ drainTime }, 'Envoy is stopped with requests or connections still open');
    } catch (error) {
      if (!signal.aborted)
        this.#options.logger.warn({ err: error }, 'Envoy could not be drained; it is stopped at once');
    }
  }

  #become(state: EnvoyState): void {
    if (this.#stopRequested.signal.aborted && state !== 'stopping' && state !== 'stopped') return;
    this.#state = state;
  }
}

/** Loaded here: Envoy's messages take 50 MB, and a process that is given the file needs none of them. */
async function bootstrapOf(options: BootstrapOptions) {
  const { bootstrapJson } = await import('./bootstrap.ts');
  return bootstrapJson(options);
}

function startFailed(exit: Exit, attempts: number): Fault {
  const how = exit.signal === null ? `exit status ${exit.code}` : exit.signal;
  const said =
    exit.lastLines.length === 0 ? 'it printed nothing' : `its last lines:\n  ${exit.lastLines.slice(-8).join('\n  ')}`;
  return new Fault(
    'ENVOY_START_FAILED',
    `Envoy ended before it was ready, ${attempts} times in a row (${how}); ${said}`,
    {
      hint: 'an address in use, a bootstrap it refuses or a library it misses: the lines say which',
    },
  );
}

async function settlesWithin(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const timer = new AbortController();
  const late = delay(milliseconds, false, { signal: timer.signal }).catch(() => false);
  const settled = await Promise.race([promise.then(() => true), late]);
  timer.abort();
  return settled;
}
