import { type KubeClient, pathOf } from '../kube/index.ts';
import type { ClusterFacts, NodeFacts } from './cluster-type.ts';

/** Asks the API server for what tells its type: its version, and the nodes. @throws KubeFault */
export async function clusterFacts(kube: KubeClient, kubeconfigName: string | undefined): Promise<ClusterFacts> {
  const [{ gitVersion }, { items }] = await Promise.all([
    kube.request<{ gitVersion: string }>({ method: 'GET', path: '/version' }),
    kube.request<{ items: readonly NodeFacts[] }>({ method: 'GET', path: pathOf('Node') }),
  ]);
  return { version: gitVersion, nodes: items, ...(kubeconfigName === undefined ? {} : { kubeconfigName }) };
}
