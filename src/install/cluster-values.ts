import { Fault } from '../lib/fault.ts';
import type { Cluster, ClusterFacts, ClusterType, NodeFacts } from './cluster-type.ts';

/** Values of the chart, as in its values.yaml: only those that differ from the defaults. */
export type HelmValues = Readonly<Record<string, unknown>>;

export interface ClusterValues {
  readonly values: HelmValues;
  /** What a person should know or do about this type of cluster. */
  readonly notes: readonly string[];
}

interface Finding {
  readonly values?: HelmValues;
  readonly note?: string;
}

const ON_NODES: Finding['values'] = { hostNetwork: { enabled: true } };

/** What each type of cluster needs. Where something else hands out load balancers, listeners are on the nodes' own addresses. */
const byType: Readonly<Record<ClusterType, Finding>> = {
  kind: {
    values: ON_NODES,
    note: 'kind has no load balancer: listeners are on the nodes. Ports of this machine get there by extraPortMappings of the kind configuration; load the image with `kind load image-archive`',
  },
  minikube: {
    values: ON_NODES,
    note: 'listeners are on the node: `minikube ip` is the address. Load the image with `minikube image load`',
  },
  k3s: {
    values: ON_NODES,
    note: "k3s brings Traefik, which takes the nodes' ports 80 and 443: start k3s with --disable=traefik, or give Gateways other ports",
  },
  eks: {
    values: ON_NODES,
    note: 'listeners are on the nodes: a network load balancer with the nodes as its targets makes them public',
  },
  gke: {
    values: ON_NODES,
    note: 'listeners are on the nodes: a passthrough load balancer with the nodes as its backends makes them public. Autopilot allows no host network',
  },
  aks: {
    values: ON_NODES,
    note: 'listeners are on the nodes: a load balancer rule with the nodes as its backends makes them public',
  },
  'aks-byocni': {
    values: ON_NODES,
    note: 'this cluster has no network plugin of its own. Until there is one, only Pods on the host network run: the agents and Envoy do, the operator waits. `--set datapath.mode=ebpf` makes Sluice that plugin',
  },
  openshift: {
    values: { ...ON_NODES, openshift: { enabled: true } },
    note: "OpenShift's router has ports 80 and 443 on the nodes where it runs: give Gateways other ports, or keep the two apart with nodeSelector",
  },
  generic: {
    note: 'Gateways and Ingresses get LoadBalancer Services: their addresses come from a CiliumLoadBalancerIPPool, or from what hands out addresses here',
  },
};

/**
 * What the chart needs to be told here.
 * @throws Fault NO_USABLE_NODE where no node could run the image
 */
export function clusterValues(cluster: Cluster, { nodes }: ClusterFacts): ClusterValues {
  const findings = [
    { values: { cluster: { name: cluster.name } } },
    byType[cluster.type],
    architecture(nodes),
    withoutHosts(nodes),
    replicas(nodes),
  ];
  return {
    values: findings.reduce<HelmValues>((all, { values = {} }) => mergeValues(all, values), {}),
    notes: findings.flatMap(({ note }) => (note === undefined ? [] : [note])),
  };
}

/** The image is for x86-64. */
function architecture(nodes: readonly NodeFacts[]): Finding {
  const known = nodes.filter((node) => archOf(node) !== undefined);
  const others = known.filter((node) => archOf(node) !== 'amd64');
  if (others.length === 0) return {};
  if (others.length === known.length)
    throw new Fault(
      'NO_USABLE_NODE',
      `no node of this cluster is amd64 (${[...new Set(others.map(archOf))].join(', ')})`,
      {
        hint: 'the image is for x86-64: add such nodes to the cluster',
      },
    );
  const selector = { 'kubernetes.io/arch': 'amd64' };
  return {
    values: { nodeSelector: selector, operator: { nodeSelector: selector } },
    note: `the image is for amd64: ${others.length} of ${nodes.length} nodes get no agent, ${others[0]?.metadata.name} among them`,
  };
}

/** Nodes that are no machines have no host network, and must get no agent. */
function withoutHosts(nodes: readonly NodeFacts[]): Finding {
  const kinds = [
    { key: 'eks.amazonaws.com/compute-type', value: 'fargate', called: 'Fargate' },
    { key: 'type', value: 'virtual-kubelet', called: 'virtual' },
  ].filter(({ key, value }) => nodes.some((node) => node.metadata.labels?.[key] === value));
  if (kinds.length === 0) return {};
  const matchExpressions = kinds.map(({ key, value }) => ({ key, operator: 'NotIn', values: [value] }));
  const nodeSelectorTerms = [{ matchExpressions }];
  return {
    values: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } },
    note: `${kinds.map(({ called }) => called).join(' and ')} nodes have no host network: they get no agent`,
  };
}

/** A second operator is there to take over, on another node. */
function replicas(nodes: readonly NodeFacts[]): Finding {
  return nodes.filter((node) => node.spec?.unschedulable !== true).length > 1
    ? { values: { operator: { replicas: 2 } } }
    : {};
}

function archOf(node: NodeFacts): string | undefined {
  return node.status?.nodeInfo?.architecture ?? node.metadata.labels?.['kubernetes.io/arch'];
}

/** As Helm merges values: maps key by key, everything else is replaced. */
export function mergeValues(base: HelmValues, over: HelmValues): HelmValues {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isMap(below) && isMap(value) ? mergeValues(below, value) : value;
  }
  return merged;
}

function isMap(value: unknown): value is HelmValues {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
