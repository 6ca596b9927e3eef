import { setTimeout as delay } from 'node:timers/promises';
import { type KubeClient, KubeFault, pathOf } from '../kube/index.ts';
import { Fault } from '../lib/fault.ts';
import type { WorkloadFacts } from './component-health.ts';
import { type PodFacts, podProblems } from './pod-problems.ts';

export interface AwaitOptions {
  readonly namespace: string;
  readonly name: string;
  /** ms. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
  /** ms between looks; 500. */
  readonly interval?: number;
}

/**
 * Waits until a DaemonSet's Pods are ready on all nodes that are to have one, also over an API server that is away or in trouble
 * meanwhile. Resolves to how many these are.
 * @throws Fault NODES_LEFT with the nodes that are not, and why; KubeFault; the signal's reason
 */
export async function awaitDaemonSet(kube: KubeClient, options: AwaitOptions): Promise<number> {
  const { namespace, name, timeout, signal, interval = 500 } = options;
  const end = performance.now() + timeout;
  for (;;) {
    const seen = await look(kube, namespace, name);
    if (!(seen instanceof KubeFault) && seen.isDone) return seen.wanted;
    if (performance.now() >= end) throw seen instanceof KubeFault ? seen : await nodesLeft(kube, options, seen.wanted);
    await delay(interval, undefined, signal === undefined ? {} : { signal });
  }
}

/** A fault where the next look may well succeed. */
async function look(
  kube: KubeClient,
  namespace: string,
  name: string,
): Promise<{ wanted: number; isDone: boolean } | KubeFault> {
  try {
    const { metadata, status = {} } = await kube.request<WorkloadFacts & { status?: { numberReady?: number } }>({
      method: 'GET',
      path: pathOf('DaemonSet', { namespace, name }),
    });
    const wanted = status.desiredNumberScheduled ?? 0;
    const isCurrent = (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);
    return { wanted, isDone: isCurrent && (status.numberReady ?? 0) >= wanted };
  } catch (error) {
    if (error instanceof KubeFault && error.transient) return error;
    throw error;
  }
}

async function nodesLeft(kube: KubeClient, { namespace, name, timeout }: AwaitOptions, wanted: number): Promise<Fault> {
  const { items } = await kube.request<{ items: readonly PodFacts[] }>({
    method: 'GET',
    path: pathOf('Pod', { namespace }),
    query: { labelSelector: `app.kubernetes.io/name=${name}` },
  });
  const late = items.filter(
    ({ status }) => !status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
  );
  const why = late.map((pod) => {
    const initial = { ...pod, status: { ...pod.status, containerStatuses: pod.status?.initContainerStatuses ?? [] } };
    const names = initial.status.containerStatuses.map((each) => each.name);
    const [problem] = podProblems(initial, namespace, names);
    return `${pod.spec?.nodeName ?? 'a node'}: ${problem === undefined ? 'its Pod does not run' : problem.message}`;
  });
  return new Fault(
    'NODES_LEFT',
    `${late.length} of ${wanted} nodes not done after ${timeout / 1000} s: ${why.join('; ')}`,
    {
      hint: 'a node that is down is cleaned later, by `sluice cleanup --yes` on it',
    },
  );
}
