import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { networkFile, placedPlugins } from '../../cni/index.ts';
import { removePins } from '../../datapath/index.ts';
import type { Leftover, NodePlaces } from './leftover.ts';

/** The file by which the container runtime calls our plugin. */
export function networkFiles({ cniConfDir }: NodePlaces): Leftover[] {
  const path = join(cniConfDir, networkFile);
  return existsSync(path)
    ? [{ kind: 'CNI configuration', name: path, remove: () => rmSync(path, { force: true }) }]
    : [];
}

export async function plugins({ cniBinDir }: NodePlaces): Promise<Leftover[]> {
  const paths = await placedPlugins(cniBinDir);
  return paths.map((path) => ({ kind: 'CNI plugin', name: path, remove: () => rmSync(path, { force: true }) }));
}

/** Maps and links end with their pins. */
export function pins({ bpffs }: NodePlaces): Leftover[] {
  if (!existsSync(bpffs)) return [];
  const count = readdirSync(bpffs, { recursive: true, withFileTypes: true }).filter(
    (each) => !each.isDirectory(),
  ).length;
  return [{ kind: 'pins', name: `${bpffs}: ${count}`, remove: () => removePins(bpffs) }];
}

/** All in it. The directory too, unless something is mounted there, as in a container. */
export function state({ stateDir }: NodePlaces): Leftover[] {
  if (!existsSync(stateDir)) return [];
  const names = readdirSync(stateDir).sort();
  if (names.length === 0) return [];
  const remove = () => {
    for (const name of names) rmSync(join(stateDir, name), { recursive: true, force: true });
    try {
      rmdirSync(stateDir);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
    }
  };
  return [{ kind: 'state', name: `${stateDir}: ${names.join(', ')}`, remove }];
}
