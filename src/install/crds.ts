import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { type KubeClient, KubeFault, pathOf } from '../kube/index.ts';

interface Crd {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
}

const isOurs = ({ metadata }: Crd): boolean => metadata.labels?.['app.kubernetes.io/part-of'] === 'sluice';

/** Helm makes CRDs that are missing, and leaves those that are there alone for ever: an upgrade has to see to them itself. */
export async function upgradeCrds(
  kube: KubeClient,
  chart: string,
): Promise<{ readonly applied: string[]; readonly foreign: string[] }> {
  const dir = join(chart, 'crds');
  const files = (await readdir(dir)).filter((name) => name.endsWith('.yaml')).sort();
  const applied: string[] = [];
  const foreign: string[] = [];
  for (const file of files) {
    const crd = load(await readFile(join(dir, file), 'utf8')) as Crd;
    const { name } = crd.metadata;
    const there = await existing(kube, name);
    // Another's, such as Cilium's own: it may have fields that ours lacks.
    if (there !== undefined && !isOurs(there)) {
      foreign.push(name);
      continue;
    }
    await kube.request({
      method: 'PATCH',
      path: pathOf('CustomResourceDefinition', { name }),
      query: { fieldManager: 'sluice', force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: crd,
    });
    applied.push(name);
  }
  return { applied, foreign };
}

/** Removes our CRDs, and with them every object of their kinds. Resolves to their names. */
export async function deleteCrds(kube: KubeClient): Promise<string[]> {
  const path = pathOf('CustomResourceDefinition');
  const { items } = await kube.request<{ items: readonly Crd[] }>({
    method: 'GET',
    path,
    query: { labelSelector: 'app.kubernetes.io/part-of=sluice' },
  });
  for (const { metadata } of items)
    await kube.request({ method: 'DELETE', path: pathOf('CustomResourceDefinition', { name: metadata.name }) });
  return items.map(({ metadata }) => metadata.name);
}

async function existing(kube: KubeClient, name: string): Promise<Crd | undefined> {
  try {
    return await kube.request<Crd>({ method: 'GET', path: pathOf('CustomResourceDefinition', { name }) });
  } catch (error) {
    if (error instanceof KubeFault && error.status === 404) return undefined;
    throw error;
  }
}
