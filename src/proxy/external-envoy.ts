import { chmod, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Fault } from '../lib/fault.ts';
import { EnvoyAdmin } from './admin.ts';
import { type BootstrapOptions, bootstrapJson } from './bootstrap.ts';
import { sharedPaths } from './shared-paths.ts';

export interface ExternalEnvoyOptions {
  /** Shared with the process that runs Envoy; ours alone otherwise. */
  readonly stateDir: string;
  readonly bootstrap: Omit<BootstrapOptions, 'adminSocket'>;
  readonly logger: Logger;
}

/** ms between looks: until it is ready somebody waits for it, later nobody does. */
const eager = 50;
const calm = 2000;

/**
 * An Envoy that another process runs (`sluice envoy`, in a container of its own), so that it outlives this one: it is given
 * its bootstrap, and watched from afar on its admin socket.
 */
export class ExternalEnvoy {
  readonly admin: EnvoyAdmin;
  /** Resolves when Envoy serves for the first time. */
  readonly ready: Promise<void>;
  readonly #options: ExternalEnvoyOptions;
  readonly #stop = new AbortController();
  readonly #firstReady = Promise.withResolvers<void>();
  #watching: Promise<void> | undefined;
  #state: 'waiting' | 'ready' | 'stopped' = 'waiting';
  #restarts = 0;

  constructor(options: ExternalEnvoyOptions) {
    this.#options = options;
    this.admin = new EnvoyAdmin(join(sharedPaths(options.stateDir).envoyDir, 'admin.sock'));
    this.ready = this.#firstReady.promise;
  }

  get state(): string {
    return this.#state;
  }

  /** How often it was seen to have been started again. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Its process is in another container, where numbers are other ones. */
  readonly pid = undefined;

  /** Writes the bootstrap, whole or not at all: Envoy starts as soon as it is there. @throws Fault BOOTSTRAP_WRITE */
  async start(): Promise<void> {
    const { stateDir, bootstrap } = this.#options;
    const { bootstrap: path } = sharedPaths(stateDir);
    const text = JSON.stringify(bootstrapJson({ ...bootstrap, adminSocket: this.admin.socketPath }), null, 1);
    try {
      await writeFile(`${path}.new`, text, { mode: 0o600 });
      await chmod(`${path}.new`, 0o600);
      await rename(`${path}.new`, path);
    } catch (error) {
      throw Fault.from(
        error,
        'BOOTSTRAP_WRITE',
        `write ${path}`,
        'the state directory must be writable, and shared with Envoy',
      );
    }
    this.#watching = this.#watch();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    this.#state = 'stopped';
    this.admin.close();
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    let process: string | undefined;
    while (!signal.aborted) {
      const info = await this.admin.serverInfo({ signal, timeout: 1000 }).catch(() => undefined);
      const now = info === undefined ? undefined : await this.#socketIdentity();
      if (now !== undefined && process !== undefined && now !== process) this.#restarts++;
      process = now ?? process;
      this.#become(info?.state === 'LIVE' ? 'ready' : 'waiting');
      await delay(this.#state === 'ready' ? calm : eager, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  /** Each process makes its admin socket anew; it says how long it has been up in seconds only. */
  async #socketIdentity(): Promise<string | undefined> {
    try {
      const { ino, ctimeMs } = await stat(this.admin.socketPath);
      return `${ino} ${ctimeMs}`;
    } catch {
      return undefined;
    }
  }

  #become(state: 'waiting' | 'ready'): void {
    if (this.#stop.signal.aborted || state === this.#state) return;
    this.#state = state;
    const { logger } = this.#options;
    if (state === 'ready') {
      logger.info({ restarts: this.#restarts }, 'Envoy serves');
      this.#firstReady.resolve();
    } else logger.warn('Envoy does not answer on its admin socket, or drains');
  }
}
