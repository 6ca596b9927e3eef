import { setTimeout as delay } from 'node:timers/promises';
import { type KubeClient, KubeFault, pathOf } from '../kube/index.ts';
import { Fault } from '../lib/fault.ts';
import {
  type Component,
  componentHealth,
  type EventFacts,
  type InstallationFacts,
  isReady,
  type WorkloadFacts,
} from './component-health.ts';
import type { PodFacts } from './pod-problems.ts';

const OURS = 'app.kubernetes.io/part-of=sluice';

/** Reads what there is. @throws KubeFault */
export async function installationFacts(kube: KubeClient, namespace: string): Promise<InstallationFacts> {
  const get = async (kind: string, name: string) =>
    absent(kube.request<WorkloadFacts>({ method: 'GET', path: pathOf(kind, { namespace, name }) }));
  const list = async <T>(path: string, query: Record<string, string>) =>
    (await kube.request<{ items: readonly T[] }>({ method: 'GET', path, query })).items;
  const [daemonSet, deployment, pods, events] = await Promise.all([
    get('DaemonSet', 'sluice'),
    get('Deployment', 'sluice-operator'),
    list<PodFacts>(pathOf('Pod', { namespace }), { labelSelector: OURS }),
    list<EventFacts>(`/api/v1/namespaces/${encodeURIComponent(namespace)}/events`, {
      fieldSelector: 'type=Warning,reason=FailedCreate',
    }),
  ]);
  return { namespace, daemonSet, deployment, pods, events };
}

async function absent<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof KubeFault && error.status === 404) return undefined;
    throw error;
  }
}

export interface WaitOptions {
  /** ms. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
  /** Called with each state that differs from the one before. */
  readonly onProgress?: (components: readonly Component[]) => void;
  /** ms between looks that no event asked for; 2,000. */
  readonly interval?: number;
}

/**
 * Waits until everything runs: looks again whenever one of the Pods changes, and now and then.
 * @throws Fault NOT_READY with the components' problems, KubeFault, or the signal's reason
 */
export async function waitUntilReady(
  kube: KubeClient,
  namespace: string,
  options: WaitOptions,
): Promise<readonly Component[]> {
  const { timeout, onProgress, interval = 2000 } = options;
  const deadline = AbortSignal.timeout(timeout);
  const stop = new AbortController();
  const given = options.signal === undefined ? [] : [options.signal];
  const ended = AbortSignal.any([deadline, stop.signal, ...given]);
  let changed = Promise.withResolvers<void>();
  const watching = watchPods(kube, namespace, ended, () => changed.resolve());
  let shown = '';
  try {
    for (;;) {
      changed = Promise.withResolvers<void>();
      const components = componentHealth(await installationFacts(kube, namespace));
      const text = JSON.stringify(components);
      if (text !== shown) onProgress?.(components);
      shown = text;
      if (isReady(components)) return components;
      options.signal?.throwIfAborted();
      if (deadline.aborted) throw notReady(components, timeout);
      await Promise.race([changed.promise, delay(interval, undefined, { signal: ended }).catch(() => {})]);
    }
  } finally {
    stop.abort();
    await watching;
  }
}

async function watchPods(
  kube: KubeClient,
  namespace: string,
  signal: AbortSignal,
  onChange: () => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const _ of kube.watch({ path: pathOf('Pod', { namespace }), query: { labelSelector: OURS }, signal }))
        onChange();
    } catch {
      // The looks in between go on, and they tell what is wrong.
    }
    await delay(1000, undefined, { signal }).catch(() => {});
  }
}

function notReady(components: readonly Component[], timeout: number): Fault {
  const late = components
    .filter(({ state }) => state !== 'ready')
    .map(({ name, ready, wanted }) => `${name} ${ready} of ${wanted}`);
  return new Fault('NOT_READY', `not ready after ${Math.round(timeout / 1000)} s: ${late.join(', ')}`, {
    hint: '`sluice status --cluster` shows why; --timeout gives it more time',
  });
}
