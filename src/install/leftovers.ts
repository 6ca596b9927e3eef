import { setTimeout as delay } from 'node:timers/promises';
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

/** Until no Pod of ours is left, but no longer than ten seconds: those that cleaned the nodes end when Helm has done already. @throws KubeFault */
export async function untilPodsEnd(kube: KubeClient, namespace: string, signal: AbortSignal): Promise<void> {
  for (const end = performance.now() + 10_000; performance.now() < end; ) {
    const { items } = await kube.request<{ items: readonly object[] }>({
      method: 'GET',
      path: pathOf('Pod', { namespace }),
      query: { labelSelector: 'app.kubernetes.io/part-of=sluice' },
    });
    if (items.length === 0) return;
    await delay(200, undefined, { signal });
  }
}

async function deleteOne(kube: KubeClient, path: string): Promise<void> {
  try {
    await kube.request({ method: 'DELETE', path });
  } catch (error) {
    if (!(error instanceof KubeFault && error.status === 404)) throw error;
  }
}
