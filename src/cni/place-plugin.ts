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

/**
 * Copies the plugin into the node's directory of CNI plugins. A runtime that executes it meanwhile has the old or the new one
 * whole.
 * @returns whether it was not there, or another one
 * @throws Fault CNI_PLUGIN
 */
export async function placePlugin(dir: string, from: string = pluginPath()): Promise<boolean> {
  const path = join(dir, pluginType);
  const fresh = join(dir, `.${pluginType}.${process.pid}`);
  try {
    const wanted = await readFile(from);
    const there = await readFile(path).catch(() => undefined);
    if (there?.equals(wanted)) return false;
    await mkdir(dir, { recursive: true });
    await copyFile(from, fresh);
    await chmod(fresh, 0o755);
    await rename(fresh, path);
    return true;
  } catch (error) {
    throw Fault.from(
      error,
      'CNI_PLUGIN',
      `copy ${from} to ${path}`,
      "mount the node's /opt/cni/bin and name the place",
    );
  } finally {
    await rm(fresh, { force: true }).catch(() => {});
  }
}
