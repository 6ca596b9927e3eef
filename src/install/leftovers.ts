import { type KubeClient, KubeFault, pathOf } from '../kube/index.ts';

/** What the agents and the operator make for themselves at run time, which Helm knows nothing of. @throws KubeFault */
export async function deleteLeftovers(kube: KubeClient, namespace: string): Promise<void> {
  await deleteOne(kube, pathOf('Lease', { namespace, name: 'sluice-operator' }));
  const { items } = await kube.request<{ items: readonly { metadata: { name: string } }[] }>({
    method: 'GET',
    path: pathOf('ConfigMap', { namespace }),
    query: { labelSelector: 'sluice.dev/rejections=true' },
  });
  for (const { metadata } of items) await deleteOne(kube, pathOf('ConfigMap', { namespace, name: metadata.name }));
}

async function deleteOne(kube: KubeClient, path: string): Promise<void> {
  try {
    await kube.request({ method: 'DELETE', path });
  } catch (error) {
    if (!(error instanceof KubeFault && error.status === 404)) throw error;
  }
}
