import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';

export const root = join(import.meta.dirname, '../..');
export const chartDir = join(root, 'manifests/helm/sluice');

/** The `helm` to use; the first time on a machine it may have to be built. */
export function helmCommand(): string {
  const printed = execFileSync(process.execPath, [join(root, 'tools/setup-helm.mjs')], { encoding: 'utf8' });
  return printed.trim().split('\n').at(-1) ?? '';
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly [field: string]: unknown;
}

export interface RenderOptions {
  /** Values as in values.yaml. */
  readonly values?: object;
  /** `group/version/Kind` that the cluster has beside the built-in ones. */
  readonly apiVersions?: readonly string[];
  readonly namespace?: string;
}

/** `helm template`. @throws with what Helm says, where the values or a template are wrong */
export function renderChart(
  helm: string,
  { values = {}, apiVersions = [], namespace = 'kube-system' }: RenderOptions = {},
) {
  const text = execFileSync(
    helm,
    [
      ...['template', 'sluice', chartDir, '--namespace', namespace, '--values', '-'],
      ...apiVersions.flatMap((each) => ['--api-versions', each]),
    ],
    { encoding: 'utf8', input: JSON.stringify(values), stdio: ['pipe', 'pipe', 'pipe'] },
  );
  return { text, objects: (loadAll(text) as (Manifest | null)[]).filter((each) => each !== null) };
}
