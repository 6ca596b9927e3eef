// `npm run manifests`: writes what is generated below manifests/: the CRDs, for kustomize and for the chart, and the rest of
// kustomize's part out of the chart.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { helmCommand, root } from './chart.ts';
import { crdFiles } from './crds.ts';
import { kustomizeFiles } from './kustomize.ts';

for (const dir of ['manifests/crds', 'manifests/helm/sluice/crds']) {
  const path = join(root, dir);
  mkdirSync(path, { recursive: true });
  for (const name of readdirSync(path)) rmSync(join(path, name));
  for (const [name, text] of crdFiles()) writeFileSync(join(path, name), text);
}
for (const [name, text] of kustomizeFiles(helmCommand())) {
  const path = join(root, 'manifests', name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
