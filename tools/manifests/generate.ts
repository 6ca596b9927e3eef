// `npm run manifests`: writes what is generated below manifests/: the CRDs, for kustomize and for the chart.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crdFiles } from './crds.ts';

const root = join(import.meta.dirname, '../..');
for (const dir of ['manifests/crds', 'manifests/helm/sluice/crds']) {
  const path = join(root, dir);
  mkdirSync(path, { recursive: true });
  for (const name of readdirSync(path)) if (name !== 'kustomization.yaml') rmSync(join(path, name));
  for (const [name, text] of crdFiles()) writeFileSync(join(path, name), text);
}
