import type { ControlPlane } from '../control-plane.ts';
import type { Parts } from '../parts/parts.ts';
import { type DatapathContext, type RunningDatapath, startDatapath } from './datapath.ts';
import { folderObjects } from './folder-objects.ts';
import type { DatapathOptions } from './options.ts';
import { tableObjects } from './table-objects.ts';

/** The datapath of `sluice run`: what a node would write to an API server stays in its tables, or in a folder that others read. */
export function startNodeDatapath(
  parts: Parts,
  options: DatapathOptions,
  { store, tables }: Pick<ControlPlane, 'store' | 'tables'>,
  rest: Pick<DatapathContext, 'log' | 'version' | 'meter' | 'metrics'>,
): Promise<RunningDatapath> {
  const { publishDir } = options;
  const objects = publishDir === undefined ? tableObjects(tables) : folderObjects(publishDir);
  return parts.start('datapath', () => startDatapath({ options, store, tables, objects, ...rest }));
}
