import { dump } from 'js-yaml';
import { type Manifest, renderChart } from './chart.ts';
import { crdFiles } from './crds.ts';

const HEAD = '# Generated from the chart by `npm run manifests`: change manifests/helm/sluice instead.\n';

/**
 * What `kubectl apply -k manifests/` applies, by path below manifests/: the chart with its default values, without what is
 * Helm's: its labels, and what it runs at the end. The GatewayClass is apart, as it can't be applied before Gateway API's CRDs are there.
 */
export function kustomizeFiles(helm: string): ReadonlyMap<string, string> {
  const { objects } = renderChart(helm, { values: { gatewayAPI: { gatewayClass: { create: 'true' } } } });
  const plain = objects.filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] === undefined).map(withoutHelm);
  const [classes, others] = [
    plain.filter(({ kind }) => kind === 'GatewayClass'),
    plain.filter(({ kind }) => kind !== 'GatewayClass'),
  ];
  return new Map([
    ['crds/kustomization.yaml', kustomization([...crdFiles().keys()])],
    ['base/sluice.yaml', documents(others)],
    ['base/kustomization.yaml', kustomization(['sluice.yaml'])],
    ['gateway-class/gateway-class.yaml', documents(classes)],
    ['gateway-class/kustomization.yaml', kustomization(['gateway-class.yaml'])],
    ['kustomization.yaml', kustomization(['crds', 'base'])],
  ]);
}

function kustomization(resources: readonly string[]): string {
  return HEAD + dump({ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources });
}

function documents(objects: readonly Manifest[]): string {
  return HEAD + objects.map((object) => dump(object, { lineWidth: 160, noRefs: true })).join('---\n');
}

function withoutHelm(object: Manifest): Manifest {
  return JSON.parse(JSON.stringify(object), (key, value) => {
    if (key !== 'labels' && key !== 'annotations') return value;
    const { 'app.kubernetes.io/managed-by': _manager, 'sluice.dev/config-checksum': _checksum, ...rest } = value;
    return rest;
  }) as Manifest;
}
