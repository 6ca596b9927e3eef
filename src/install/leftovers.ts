import { setTimeout as delay } from 'node:timers/promises';
import { type KubeClient, KubeFault, pathOf, type Resource } from '../kube/index.ts';

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

const constraints: Resource = {
  ...{ kind: 'SecurityContextConstraints', group: 'security.openshift.io', versions: ['v1'] },
  ...{ plural: 'securitycontextconstraints', namespaced: false },
};

/**
 * What the chart's hook leaves where it failed. Its DaemonSet cleans a node that comes later, as it should, but not when Sluice is
 * installed there again, or the nodes are to be left as they are. Resolves to whether any of it was there, once its Pods have ended
 * (no longer than ten seconds: one on a node that is down ends when that comes back, and does nothing then).
 * @throws KubeFault
 */
export async function deleteNodeCleanup(kube: KubeClient, namespace: string, signal: AbortSignal): Promise<boolean> {
  const name = 'sluice-cleanup';
  const kinds = ['DaemonSet', 'Job', 'RoleBinding', 'Role', 'ServiceAccount'];
  const paths = [...kinds.map((kind) => pathOf(kind, { namespace, name })), pathOf(constraints, { name })];
  let found = false;
  for (const path of paths) found = (await deleteOne(kube, path)) || found;
  if (found) await untilPodsEnd(kube, namespace, signal, `app.kubernetes.io/name in (${name}, ${name}-job)`);
  return found;
}

/** Until no Pod of ours is left, but no longer than ten seconds: those that cleaned the nodes end when Helm has done already. @throws KubeFault */
export async function untilPodsEnd(
  kube: KubeClient,
  namespace: string,
  signal: AbortSignal,
  labelSelector = 'app.kubernetes.io/part-of=sluice',
): Promise<void> {
  for (const end = performance.now() + 10_000; performance.now() < end; ) {
    const { items } = await kube.request<{ items: readonly object[] }>({
      method: 'GET',
      path: pathOf('Pod', { namespace }),
      query: { labelSelector },
    });
    if (items.length === 0) return;
    await delay(200, undefined, { signal });
  }
}

/** Whether it was there. */
async function deleteOne(kube: KubeClient, path: string): Promise<boolean> {
  try {
    // A Job would leave its Pods behind unless told so.
    await kube.request({ method: 'DELETE', path, query: { propagationPolicy: 'Background' } });
    return true;
  } catch (error) {
    if (error instanceof KubeFault && error.status === 404) return false;
    throw error;
  }
}
