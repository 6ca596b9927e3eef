import type { LabelFilter } from './label-filter.ts';
import { type Label, type Labels, makeLabels } from './labels.ts';

/** Labels that the mesh adds to a pod's own, by which policies name namespaces, service accounts and clusters. */
export const NAMESPACE_LABEL = 'io.kubernetes.pod.namespace';
export const NAMESPACE_LABELS_PREFIX = 'io.cilium.k8s.namespace.labels.';
export const SERVICE_ACCOUNT_LABEL = 'io.cilium.k8s.policy.serviceaccount';
export const CLUSTER_LABEL = 'io.cilium.k8s.policy.cluster';

export interface PodFacts {
  readonly labels: Readonly<Record<string, string>>;
  readonly namespace: string;
  readonly namespaceLabels: Readonly<Record<string, string>>;
  /** `default` where the pod names none. */
  readonly serviceAccount?: string;
  readonly cluster: string;
}

/**
 * The labels that a pod's identity is made of. What the mesh adds wins over a pod's label of that name. Its namespace, service account and
 * cluster are never filtered out: what selects by them would select nobody, and no policy would hold.
 */
export function podLabels(pod: PodFacts, filter: LabelFilter): Labels {
  const own: Label[] = [];
  const add = (key: string, value: string, to = own) => to.push({ source: 'k8s', key, value });
  for (const [key, value] of Object.entries(pod.labels)) if (!isOurs(key)) add(key, value);
  for (const [key, value] of Object.entries(pod.namespaceLabels)) add(NAMESPACE_LABELS_PREFIX + key, value);
  const kept = own.filter((label) => filter.keeps(label));
  add(NAMESPACE_LABEL, pod.namespace, kept);
  add(SERVICE_ACCOUNT_LABEL, pod.serviceAccount ?? 'default', kept);
  add(CLUSTER_LABEL, pod.cluster, kept);
  return makeLabels(kept);
}

function isOurs(key: string): boolean {
  return (
    key === NAMESPACE_LABEL ||
    key === SERVICE_ACCOUNT_LABEL ||
    key === CLUSTER_LABEL ||
    key.startsWith(NAMESPACE_LABELS_PREFIX)
  );
}
