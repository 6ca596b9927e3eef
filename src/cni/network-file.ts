import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../lib/fault.ts';
import type { Log } from '../lib/log.ts';
import { CniError } from './cni-error.ts';
import { chainedNetworkList, networkName, ownNetworkList, type PluginSettings } from './network-list.ts';

/** Runtimes take the first file of the directory, by name. */
export const networkFile = '05-sluice.conflist';

export interface NetworkFileOptions extends PluginSettings {
  /** The node's /etc/cni/net.d. */
  readonly dir: string;
  /** Name of another plugin's network, whose pods we attach to in place of making a network of our own. */
  readonly chainingTarget?: string;
  readonly log: Log;
  /** ms between looks at the directory. */
  readonly interval?: number;
}

/**
 * Keeps the node's CNI configuration as it should be: what makes the kubelet take pods. Other plugins' files are left alone; one
 * that replaces or removes ours is put right, and a chaining target may come later, or change.
 *
 * It stays when the agent ends: pods that start meanwhile are told to try again, and no other plugin takes them.
 */
export class NetworkFile {
  readonly #options: NetworkFileOptions;
  #timer: NodeJS.Timeout | undefined;
  #said: string | undefined;
  #closed = false;

  constructor(options: NetworkFileOptions) {
    this.#options = options;
  }

  /** @throws Fault CNI_CONFIG where the file cannot be written the first time; later ones are logged */
  async start(): Promise<void> {
    await this.check();
    const { interval = 5000, log } = this.#options;
    const again = async (): Promise<void> => {
      try {
        await this.check();
      } catch (error) {
        this.#say(String(error), () => log.warn({ err: error }, 'the CNI configuration is not as it should be'));
      }
      if (!this.#closed) this.#timer = setTimeout(again, interval).unref();
    };
    this.#timer = setTimeout(again, interval).unref();
  }

  /** Writes the file unless it is right. @returns whether it is there now @throws Fault CNI_CONFIG */
  async check(): Promise<boolean> {
    const { dir, log } = this.#options;
    const path = join(dir, networkFile);
    try {
      await mkdir(dir, { recursive: true });
      const wanted = await this.#wanted();
      if (wanted === undefined) return false;
      const there = await readFile(path, 'utf8').catch(() => undefined);
      if (there === wanted) return true;
      // Runtimes watch the directory: no name that they read, then the whole file at once.
      const fresh = join(dir, `.${networkFile}.${process.pid}`);
      try {
        await writeFile(fresh, wanted, { mode: 0o600 });
        await rename(fresh, path);
      } finally {
        await rm(fresh, { force: true });
      }
      log.info({ path }, there === undefined ? 'CNI configuration written' : 'CNI configuration put right');
      return true;
    } catch (error) {
      throw Fault.from(
        error,
        'CNI_CONFIG',
        `write ${path}`,
        "mount the node's /etc/cni/net.d, or choose another --cni-conf-dir",
      );
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #wanted(): Promise<string | undefined> {
    const { dir, chainingTarget, log, mtu } = this.#options;
    if (chainingTarget === undefined) return ownNetworkList(mtu === undefined ? {} : { mtu });
    const names = (await readdir(dir)).filter((name) => /\.(?:conf|conflist|json)$/.test(name) && name !== networkFile);
    for (const name of names.sort()) {
      const text = await readFile(join(dir, name), 'utf8').catch(() => '');
      if (networkName(text) !== chainingTarget) continue;
      try {
        return chainedNetworkList(text);
      } catch (error) {
        if (!(error instanceof CniError)) throw error;
        this.#say(`${name} ${error.message}`, () => log.warn(`cannot chain to ${join(dir, name)}: ${error.message}`));
      }
    }
    this.#say('none', () => log.info(`waiting for the CNI network ${chainingTarget} in ${dir}, to chain to`));
    return undefined;
  }

  /** Once, until something else is to be said. */
  #say(what: string, say: () => void): void {
    if (this.#said === what) return;
    this.#said = what;
    say();
  }
}
