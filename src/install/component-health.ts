import { type PodFacts, podProblems } from './pod-problems.ts';

/** Why something is not ready, and what to do. */
export interface Problem {
  /** `Pod kube-system/sluice-x1 on node a, container agent`. */
  readonly object: string;
  /** Kubernetes' own word: `ImagePullBackOff`. */
  readonly reason: string;
  readonly message: string;
  readonly hint?: string;
}

export interface Component {
  /** `agent`, `envoy`, `operator`. */
  readonly name: string;
  /** `DaemonSet sluice`. */
  readonly workload: string;
  readonly wanted: number;
  readonly ready: number;
  /** Of the newest configuration. */
  readonly updated: number;
  readonly state: 'ready' | 'updating' | 'not ready' | 'missing';
  readonly problems: readonly Problem[];
}

export interface WorkloadFacts {
  readonly kind?: string;
  readonly metadata: { readonly name: string; readonly generation?: number };
  readonly spec?: { readonly replicas?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly desiredNumberScheduled?: number;
    readonly updatedNumberScheduled?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
}

export interface EventFacts {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly involvedObject?: { readonly kind?: string; readonly name?: string };
}

/** What the API server knows of an installation. */
export interface InstallationFacts {
  readonly namespace: string;
  readonly daemonSet?: WorkloadFacts | undefined;
  readonly deployment?: WorkloadFacts | undefined;
  /** With the label `app.kubernetes.io/part-of: sluice`. */
  readonly pods: readonly PodFacts[];
  /** Warnings about the workloads: why no Pod could be made. */
  readonly events: readonly EventFacts[];
}

/** One row for each thing that runs: the agent and Envoy are containers of the same Pods. */
export function componentHealth(facts: InstallationFacts): readonly Component[] {
  const { daemonSet, deployment } = facts;
  const agents = podsOf(facts.pods, 'sluice');
  return [
    component('agent', 'DaemonSet sluice', daemonSet, agents, ['agent'], facts),
    component('envoy', 'DaemonSet sluice', daemonSet, agents, ['envoy'], facts),
    component(
      'operator',
      'Deployment sluice-operator',
      deployment,
      podsOf(facts.pods, 'sluice-operator'),
      ['operator'],
      facts,
    ),
  ];
}

export const isReady = (components: readonly Component[]): boolean =>
  components.every(({ state }) => state === 'ready');

function podsOf(pods: readonly PodFacts[], name: string): PodFacts[] {
  return pods.filter(
    ({ metadata }) => metadata.labels?.['app.kubernetes.io/name'] === name && metadata.deletionTimestamp === undefined,
  );
}

function component(
  name: string,
  workload: string,
  object: WorkloadFacts | undefined,
  pods: readonly PodFacts[],
  containers: readonly string[],
  { namespace, events }: InstallationFacts,
): Component {
  if (object === undefined) {
    const problem = {
      object: `${workload} in ${namespace}`,
      reason: 'NotFound',
      message: 'it is not there',
      hint: '`sluice install` installs it; --namespace says where to look',
    };
    return { name, workload, wanted: 0, ready: 0, updated: 0, state: 'missing', problems: [problem] };
  }
  const { metadata, spec, status = {} } = object;
  const isDaemonSet = workload.startsWith('DaemonSet');
  const wanted = (isDaemonSet ? status.desiredNumberScheduled : spec?.replicas) ?? 0;
  const updated = (isDaemonSet ? status.updatedNumberScheduled : status.updatedReplicas) ?? 0;
  const ready = pods.filter((pod) =>
    containers.every((each) => pod.status?.containerStatuses?.some((one) => one.name === each && one.ready)),
  ).length;
  const current = (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  const rolledOut = current && updated >= wanted && (isDaemonSet || (status.replicas ?? 0) <= wanted);
  const problems = [
    ...pods.flatMap((pod) => podProblems(pod, namespace, containers)),
    ...workloadProblems(workload, object, pods, wanted, current, events),
  ];
  // No node for a DaemonSet is nothing that runs: not what anyone installed it for.
  const enough = current && wanted > 0 && ready >= wanted;
  const state = !enough ? 'not ready' : rolledOut ? 'ready' : 'updating';
  return { name, workload, wanted, ready, updated, state, problems: state === 'ready' ? [] : problems };
}

function workloadProblems(
  workload: string,
  { metadata, status = {} }: WorkloadFacts,
  pods: readonly PodFacts[],
  wanted: number,
  current: boolean,
  events: readonly EventFacts[],
): Problem[] {
  const problems: Problem[] = [];
  if (current && wanted === 0)
    problems.push({
      object: workload,
      reason: 'NothingWanted',
      message: workload.startsWith('DaemonSet') ? 'no node fits its nodeSelector and affinity' : 'it has 0 replicas',
      hint: 'see nodeSelector, affinity and operator.replicas among the values',
    });
  for (const { type, status: value, message } of status.conditions ?? [])
    if (type === 'ReplicaFailure' && value === 'True')
      problems.push({ object: workload, reason: type, message: message ?? '', hint: NOT_MADE });
  if (pods.length < wanted && problems.length === 0) {
    const failed = events.findLast(
      ({ reason, involvedObject }) =>
        reason === 'FailedCreate' &&
        involvedObject?.name?.startsWith(metadata.name) === true &&
        workload.startsWith('DaemonSet'),
    );
    if (failed !== undefined)
      problems.push({ object: workload, reason: 'FailedCreate', message: failed.message ?? '', hint: NOT_MADE });
  }
  return problems;
}

const NOT_MADE = 'no Pod could be made: quotas, Pod security admission and webhooks of the namespace decide on that';
