/** What can be told apart. `aks-byocni` is AKS without a network plugin of its own; `generic` is everything else. */
export const clusterTypes = [
  'kind',
  'minikube',
  'k3s',
  'eks',
  'gke',
  'aks',
  'aks-byocni',
  'openshift',
  'generic',
] as const;
export type ClusterType = (typeof clusterTypes)[number];

/** A Node, as far as it is looked at. */
export interface NodeFacts {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: {
    /** `kind://docker/CLUSTER/NODE`, `aws:///ZONE/INSTANCE`, `gce://PROJECT/ZONE/INSTANCE`, `azure:///subscriptions/...` */
    readonly providerID?: string;
    readonly podCIDR?: string;
    readonly unschedulable?: boolean;
  };
  readonly status?: {
    readonly nodeInfo?: {
      readonly osImage?: string;
      readonly architecture?: string;
      readonly operatingSystem?: string;
    };
  };
}

export interface ClusterFacts {
  /** `gitVersion` of the API server: `v1.33.1-eks-1fbb135`. */
  readonly version: string;
  readonly nodes: readonly NodeFacts[];
  /** The cluster's name in the kubeconfig. */
  readonly kubeconfigName?: string;
}

export interface Cluster {
  readonly type: ClusterType;
  /** What it is called where it was made, else in the kubeconfig. */
  readonly name: string;
  /** What told the type, for people. */
  readonly because: string;
}

interface Sign {
  readonly type: ClusterType;
  readonly because: string;
  readonly name?: string | undefined;
}

/**
 * Tells the cluster's type, by what its maker leaves on the API server's version and on the nodes. The first that fits: a
 * distribution before the cloud that it runs on.
 */
export function clusterType(facts: ClusterFacts): Cluster {
  const found = distribution(facts) ?? cloud(facts) ?? { type: 'generic', because: 'nothing names its maker' };
  return { type: found.type, because: found.because, name: found.name ?? plainName(facts.kubeconfigName) ?? 'default' };
}

function distribution({ version, nodes }: ClusterFacts): Sign | undefined {
  const openshift = nodes.find((node) => label(node, 'node.openshift.io/os_id') !== undefined);
  if (openshift) return { type: 'openshift', because: `node ${openshift.metadata.name} has node.openshift.io/os_id` };
  for (const node of nodes) {
    const { name } = node.metadata;
    const provider = node.spec?.providerID ?? '';
    const kind = /^kind:\/\/[^/]*\/([^/]+)\//.exec(provider);
    if (kind) return { type: 'kind', because: `node ${name} has the provider id ${provider}`, name: kind[1] };
    const minikube = label(node, 'minikube.k8s.io/name');
    if (minikube !== undefined)
      return { type: 'minikube', because: `node ${name} has minikube.k8s.io/name`, name: minikube };
  }
  const k3s = /\+k3s\d+/.test(version) || nodes.some((node) => node.spec?.providerID?.startsWith('k3s://') === true);
  return k3s ? { type: 'k3s', because: `the API server's version is ${version}` } : undefined;
}

function cloud({ version, nodes }: ClusterFacts): Sign | undefined {
  if (/-eks-/.test(version)) return { type: 'eks', because: `the API server's version is ${version}` };
  if (/-gke\./.test(version)) return { type: 'gke', because: `the API server's version is ${version}` };
  for (const node of nodes) {
    const { name } = node.metadata;
    if (has(node, /^eks\.amazonaws\.com\//))
      return { type: 'eks', because: `node ${name} has labels of eks.amazonaws.com` };
    if (has(node, /^cloud\.google\.com\/gke-/))
      return { type: 'gke', because: `node ${name} has labels of cloud.google.com/gke` };
  }
  return aks(nodes);
}

function aks(nodes: readonly NodeFacts[]): Sign | undefined {
  const node = nodes.find(
    (each) =>
      label(each, 'kubernetes.azure.com/cluster') !== undefined ||
      (each.spec?.providerID?.startsWith('azure://') === true && has(each, /^kubernetes\.azure\.com\//)),
  );
  if (node === undefined) return undefined;
  const because = `node ${node.metadata.name} has labels of kubernetes.azure.com`;
  // Azure's own network plugins label the nodes or give them Pod CIDRs; with `--network-plugin none` nothing does.
  const networked = nodes.some(
    (each) =>
      each.spec?.podCIDR !== undefined || has(each, /^kubernetes\.azure\.com\/(?:podnetwork-|azure-cni|network-)/),
  );
  return networked
    ? { type: 'aks', because }
    : { type: 'aks-byocni', because: `${because}, and none of a network plugin of Azure's` };
}

const label = (node: NodeFacts, key: string): string | undefined => node.metadata.labels?.[key];

const has = (node: NodeFacts, key: RegExp): boolean =>
  Object.keys(node.metadata.labels ?? {}).some((each) => key.test(each));

/** EKS writes ARNs, GKE `gke_PROJECT_ZONE_NAME`: the last part is what people call it. */
function plainName(name: string | undefined): string | undefined {
  if (name === undefined || name === '') return undefined;
  if (name.startsWith('arn:')) return name.slice(name.lastIndexOf('/') + 1);
  return /^gke_[^_]+_[^_]+_(.+)$/.exec(name)?.[1] ?? name;
}
