import type { KubeClient } from '../../kube/index.ts';
import type { KubernetesSource } from '../../sources/index.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { Parts } from '../parts/parts.ts';
import { type DatapathContext, type RunningDatapath, startDatapath } from './datapath.ts';
import { kubeObjects } from './kube-objects.ts';
import type { DatapathOptions } from './options.ts';

export interface ClusterDatapathContext extends Pick<DatapathContext, 'log' | 'version' | 'meter' | 'metrics'> {
  readonly client: KubeClient;
  readonly source: KubernetesSource;
}

/** The datapath of `sluice agent`: what this node tells others it writes to the API server. */
export function startClusterDatapath(
  parts: Parts,
  options: DatapathOptions,
  { store, tables }: Pick<ControlPlane, 'store' | 'tables'>,
  { client, source, ...rest }: ClusterDatapathContext,
): Promise<RunningDatapath> {
  const kubernetes = () => {
    const kinds = source.kinds();
    const waiting = kinds.filter(({ state }) => state === 'waiting').map(({ kind }) => kind);
    return {
      state: waiting.length === 0 ? ('Ok' as const) : ('Warning' as const),
      message: waiting.length === 0 ? client.server : `${client.server}: waiting for ${waiting.join(', ')}`,
      apis: kinds.flatMap(({ kind, version }) => (version === undefined ? [] : [`${version}::${kind}`])),
    };
  };
  const objects = kubeObjects(client);
  return parts.start('datapath', () => startDatapath({ options, store, tables, objects, kubernetes, ...rest }));
}
