import { pathOf, type RawObject } from '../../../../src/kube/index.ts';
import { pauseImage } from '../../../cluster/node-components.ts';
import { installDatapath } from '../../../support/cluster-pods.ts';
import { type ClusterRig, startCluster } from '../../../support/cluster-rig.ts';
import { atLeast, type Bench, type BenchContext, BenchNotPossible, below, type Figure, figure } from '../../bench.ts';
import { now, pause } from '../../support/clock.ts';
import { numbers } from '../../support/cluster/mesh.ts';
import { create, forEach, remove } from '../../support/cluster/objects.ts';
import { processesOf } from '../../support/cluster/processes.ts';
import { percentile } from '../../support/statistics.ts';

const pods = 100;
const groups = 10;
const second = 1000;

export const clusterDatapath: Bench = {
  name: 'cluster-datapath',
  about:
    'a real node with 100 pods, 1,000 identities and 100 policies: its agent at rest, and with pods and policies that change',
  async run(context) {
    if (process.getuid?.() !== 0) throw new BenchNotPossible('a testbed needs root');
    const [identities, rest, churn] = context.quick ? [100, 15, 15] : [1000, 120, 60];
    const name = `bench-${process.pid}`;
    const rig = await startCluster({ name, nodes: 1, cni: 'none', dns: false });
    context.defer(() => rig.stop());
    await installDatapath(rig, ['tunnel=vxlan', 'ipv6.enabled=false', 'operator.replicas=1']);
    await forEach(numbers(identities), (i) => elsewhere(rig, i));
    await forEach(numbers(pods), (i) => create(rig.kube, 'CiliumNetworkPolicy', policy(i, 8080)));
    await forEach(numbers(pods), (i) => create(rig.kube, 'Pod', pod(`pod-${i}`, i)));
    await running(rig, pods);
    const metrics = async () => rig.exec('node-1', 'curl', '-s', 'http://127.0.0.1:9964/metrics');
    context.progress(`all run: ${/^sluice_datapath_endpoints.*$/m.exec(await metrics())?.[0]}`);
    await pause((context.quick ? 5 : 60) * second);
    const size = `${pods} pods, ${identities.toLocaleString('en-US')} identities elsewhere, ${pods} policies`;
    return [
      ...(await atRest(name, `a real node with ${size}, at rest`, rest * second)),
      ...(await withChurn(context, rig, `a real node with ${size}`, churn)),
    ];
  },
};

async function atRest(testbed: string, what: string, ms: number): Promise<Figure[]> {
  const agent = processesOf(testbed, 'agent');
  const [before, startedAt] = [agent.cpu(), now()];
  await pause(ms);
  const cpu = ((agent.cpu() - before) / (now() - startedAt)) * 100;
  return [
    figure(`${what}: memory of the agent (RSS)`, agent.memory(), 'MB', { goal: below(250) }),
    figure(`${what}: CPU of the agent, of one core`, cpu, '%', { goal: below(1) }),
  ];
}

/** Each second five pods come, and five go that came five seconds before; one policy changes. Some of the pods have labels that are new. */
async function withChurn(context: BenchContext, rig: ClusterRig, what: string, seconds: number): Promise<Figure[]> {
  const { kube, settings } = rig;
  const agent = processesOf(settings.name, 'agent');
  const [rate, life] = [5, 5];
  const memory: number[] = [];
  const before = agent.cpu();
  const startedAt = now();
  for (let i = 0; i < seconds * rate; i++) {
    await create(kube, 'Pod', pod(`churn-${i}`, i % pods, { churn: `${i % 50}` }));
    if (i >= rate * life) await remove(kube, 'Pod', `churn-${i - rate * life}`);
    if (i % rate === 0) {
      await kube.request({
        method: 'PATCH',
        path: pathOf('CiliumNetworkPolicy', { namespace: 'default', name: `policy-${(i / rate) % pods}` }),
        contentType: 'application/merge-patch+json',
        body: policy((i / rate) % pods, 9000 + i),
      });
      memory.push(agent.memory());
    }
    await pause(Math.max(0, startedAt + ((i + 1) * second) / rate - now()));
  }
  const took = (now() - startedAt) / second;
  const cores = (agent.cpu() - before) / second / took;
  const waited = (await listPods(rig)).flatMap(startTime);
  context.progress(`${waited.length} pods that are there came up within ${Math.max(...waited)} s`);
  const churning = `${what}, with ${rate} pods a second that come and go`;
  return [
    figure(`${churning}, and a policy that changes: agent, mean`, cores, 'cores', { goal: below(0.25) }),
    figure(`${churning}: agent, most memory (RSS)`, Math.max(...memory), 'MB', { goal: below(250) }),
    figure(`${churning}: pods a second, as asked for`, (seconds * rate) / took, '', { goal: atLeast(4.9) }),
    figure(
      `${churning}: from scheduled to ready, p50 of those that are there, kubelet and containerd included`,
      percentile(waited, 0.5),
      's',
    ),
  ];
}

const pod = (name: string, i: number, more: Readonly<Record<string, string>> = {}) => ({
  ...{ apiVersion: 'v1', kind: 'Pod' },
  metadata: { name, labels: { app: `app-${i}`, group: `group-${i % groups}`, bench: 'yes', ...more } },
  spec: {
    ...{ automountServiceAccountToken: false, terminationGracePeriodSeconds: 0, enableServiceLinks: false },
    containers: [{ name: 'pause', image: pauseImage, imagePullPolicy: 'Never' }],
  },
});

/** One of the pods is reached by a tenth of all others at a port. */
const policy = (i: number, port: number) => ({
  ...{ apiVersion: 'cilium.io/v2', kind: 'CiliumNetworkPolicy', metadata: { name: `policy-${i}` } },
  spec: {
    endpointSelector: { matchLabels: { app: `app-${i}` } },
    ingress: [
      {
        fromEndpoints: [{ matchLabels: { group: `group-${i % groups}` } }],
        toPorts: [{ ports: [{ port: `${port}`, protocol: 'TCP' }] }],
      },
    ],
  },
});

/** A pod of another node, and its identity, as its agent would tell of them. */
async function elsewhere({ kube }: ClusterRig, i: number): Promise<void> {
  const labels = [`k8s:app=elsewhere-${i}`, `k8s:group=group-${i % groups}`, 'k8s:io.kubernetes.pod.namespace=default'];
  const id = 30_000 + i;
  const identity = {
    ...{ apiVersion: 'cilium.io/v2', kind: 'CiliumIdentity', metadata: { name: `${id}` } },
    'security-labels': Object.fromEntries(labels.map((label) => label.split('='))),
  };
  await kube.request({ method: 'POST', path: pathOf('CiliumIdentity'), body: identity });
  const address = `10.200.${Math.floor(i / 250)}.${1 + (i % 250)}`;
  await create(kube, 'CiliumEndpoint', {
    ...{ apiVersion: 'cilium.io/v2', kind: 'CiliumEndpoint', metadata: { name: `elsewhere-${i}` } },
    status: {
      id: 1 + i,
      identity: { id, labels },
      networking: { addressing: [{ ipv4: address }], node: '10.90.0.99' },
      state: 'ready',
    },
  });
}

interface PodObject extends RawObject {
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastTransitionTime: string;
    }[];
  };
}

async function listPods({ kube }: ClusterRig): Promise<readonly PodObject[]> {
  const path = pathOf('Pod', { namespace: 'default' });
  return (await kube.request<{ items: PodObject[] }>({ method: 'GET', path, query: { labelSelector: 'bench=yes' } }))
    .items;
}

async function running(rig: ClusterRig, count: number): Promise<void> {
  for (const end = now() + 300 * second; ; await pause(second)) {
    const ready = (await listPods(rig)).flatMap(startTime).length;
    if (ready === count) return;
    if (now() > end) throw new Error(`only ${ready} of ${count} pods run`);
  }
}

/** Seconds from when it was scheduled to when it was ready; none where it is not. Objects have whole seconds. */
function startTime({ status }: PodObject): number[] {
  const at = (wanted: string) => status?.conditions?.find(({ type, status: is }) => type === wanted && is === 'True');
  const [scheduled, ready] = [at('PodScheduled'), at('Ready')];
  if (scheduled === undefined || ready === undefined) return [];
  return [(Date.parse(ready.lastTransitionTime) - Date.parse(scheduled.lastTransitionTime)) / second];
}
