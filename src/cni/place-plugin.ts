import { chmod, copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../lib/fault.ts';
import { pluginType } from './network-list.ts';

/** The checkout, whether this file runs from src/ or from dist/. */
const root = join(import.meta.dirname, '../..');

/** Where the plugin is: built by `make setup`, or what comes with an installation (`SLUICE_MODULES`). */
export function pluginPath(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.SLUICE_MODULES || join(root, '.cache/native'), pluginType);
}

/** Runtimes call it for every pod, and some nodes come without; ours does the same under that name. */
const loopback = 'loopback';

/**
 * Copies the plugin into the node's directory of CNI plugins, and as `loopback` too where the node has none. A runtime that
 * executes it meanwhile has the old or the new one whole.
 * @returns the names that were not there, or were another version of ours
 * @throws Fault CNI_PLUGIN
 */
export async function placePlugin(dir: string, from: string = pluginPath()): Promise<string[]> {
  try {
    const wanted = await readFile(from);
    await mkdir(dir, { recursive: true });
    const placed: string[] = [];
    for (const name of [pluginType, loopback]) {
      const there = await readFile(join(dir, name)).catch(() => undefined);
      if (there?.equals(wanted)) continue;
      // Somebody else's is as good. Ours is told by what it is called for without a command.
      if (name === loopback && there !== undefined && !there.includes(ownMark)) continue;
      await replace(join(dir, name), from, join(dir, `.${name}.${process.pid}`));
      placed.push(name);
    }
    return placed;
  } catch (error) {
    const hint = "mount the node's /opt/cni/bin and name the place";
    throw Fault.from(error, 'CNI_PLUGIN', `copy ${from} into ${dir}`, hint);
  }
}

/** The plugin's files in a directory: those that `placePlugin` puts there, of whichever version. @throws Fault CNI_PLUGIN */
export async function placedPlugins(dir: string): Promise<string[]> {
  const placed: string[] = [];
  for (const name of [pluginType, loopback]) {
    const path = join(dir, name);
    try {
      if ((await readFile(path)).includes(ownMark)) placed.push(path);
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? ''))
        throw Fault.from(error, 'CNI_PLUGIN', `read ${path}`);
    }
  }
  return placed;
}

/** In the text of every version of the program. */
const ownMark = 'sluice-cni is a CNI plugin';

async function replace(path: string, from: string, fresh: string): Promise<void> {
  try {
    await copyFile(from, fresh);
    await chmod(fresh, 0o755);
    await rename(fresh, path);
  } finally {
    await rm(fresh, { force: true });
  }
}
