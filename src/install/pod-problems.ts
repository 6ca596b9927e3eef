import type { Problem } from './component-health.ts';

interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly image?: string;
  readonly restartCount?: number;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: object;
  readonly terminated?: { readonly exitCode?: number; readonly reason?: string; readonly message?: string };
}

/** A Pod, as far as it is looked at. */
export interface PodFacts {
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec?: { readonly nodeName?: string };
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

/** Why these containers of a Pod are not ready; none where they are, or where all is on its way. */
export function podProblems(pod: PodFacts, namespace: string, containers: readonly string[]): Problem[] {
  const { metadata, spec, status = {} } = pod;
  const where = spec?.nodeName === undefined ? '' : ` on node ${spec.nodeName}`;
  const object = `Pod ${namespace}/${metadata.name}${where}`;
  if (status.phase === 'Failed')
    return [
      {
        object,
        reason: status.reason ?? 'Failed',
        message: status.message ?? 'it ended',
        hint: 'the kubelet of the node has the reason',
      },
    ];
  const scheduled = status.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False')
    return [
      {
        object,
        reason: scheduled.reason ?? 'Unschedulable',
        message: scheduled.message ?? 'no node takes it',
        hint: schedulingHint(scheduled.message ?? ''),
      },
    ];
  return (status.containerStatuses ?? [])
    .filter(({ name, ready }) => containers.includes(name) && !ready)
    .flatMap(({ name, image, state, lastState, restartCount = 0 }): Problem[] => {
      const at = `${object}, container ${name}`;
      const logs = `kubectl logs --namespace ${namespace} ${metadata.name} --container ${name}`;
      const { waiting } = state ?? {};
      if (
        waiting?.reason !== undefined &&
        waiting.reason !== 'ContainerCreating' &&
        waiting.reason !== 'PodInitializing'
      )
        return [waitingProblem(at, waiting.reason, waiting.message ?? '', image ?? '', lastState, logs)];
      const ended = state?.terminated ?? (state?.running === undefined ? undefined : lastState?.terminated);
      if (ended !== undefined) return [crash(at, ended, `${restartCount} restarts`, logs)];
      if (state?.running === undefined) return [];
      return [
        { object: at, reason: 'NotReady', message: 'it runs, and does not say that it is ready yet', hint: logs },
      ];
    });
}

function waitingProblem(
  object: string,
  reason: string,
  message: string,
  image: string,
  last: ContainerState | undefined,
  logs: string,
): Problem {
  if (reason === 'CrashLoopBackOff') return crash(object, last?.terminated ?? {}, reason, `${logs} --previous`);
  const hint = /^(?:ErrImage|ImagePull|ImageInspect|InvalidImage|RegistryUnavailable)/.test(reason)
    ? `load the image ${image} into the nodes, or name one that they can pull: --set image.repository=...,image.tag=...; imagePullSecrets for a private registry`
    : reason === 'CreateContainerConfigError'
      ? 'it refers to a ConfigMap or a Secret that is not there'
      : `kubectl describe tells more: ${logs.replace('logs', 'describe pod').replace(/ --container .*/, '')}`;
  return { object, reason, message, hint };
}

function crash(
  object: string,
  { exitCode, reason, message }: NonNullable<ContainerState['terminated']>,
  state: string,
  logs: string,
): Problem {
  const end =
    reason === 'OOMKilled' ? 'it was killed for using more memory than its limit' : `it ended with ${exitCode ?? '?'}`;
  // The kubelet keeps the last lines of the log as the message.
  const last = message?.trim().split('\n').slice(-3).join(' | ') ?? '';
  return {
    object,
    reason: reason === 'OOMKilled' ? reason : state === 'CrashLoopBackOff' ? state : 'Restarted',
    message: `${end}${last === '' ? '' : `: ${last}`}`,
    hint: reason === 'OOMKilled' ? 'raise resources.limits.memory' : logs,
  };
}

function schedulingHint(message: string): string {
  if (/didn't have free ports/.test(message)) return 'something else on the node has one of its ports';
  if (/Insufficient (?:cpu|memory)/.test(message)) return 'lower resources.requests, or add a node';
  if (/untolerated taint/.test(message)) return 'add the taint to tolerations, or remove it from the node';
  if (/didn't match Pod's node affinity|node selector/.test(message))
    return 'see nodeSelector and affinity among the values';
  return 'kubectl describe pod tells what the scheduler tried';
}
