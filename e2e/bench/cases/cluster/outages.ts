import { pathOf, type RawObject } from '../../../../src/kube/index.ts';
import { ensureBinaries } from '../../../cluster/binaries.ts';
import { startComponent, stopComponent } from '../../../cluster/component.ts';
import { allComponents } from '../../../cluster/components.ts';
import { testserverImage } from '../../../cluster/images.ts';
import { linesOf } from '../../../cluster/progress.ts';
import { watchUntil } from '../../../cluster/watch-until.ts';
import { type Bench, type BenchContext, exactly, type Figure, figure } from '../../bench.ts';
import { now, pause, until } from '../../support/clock.ts';
import { type ClusterMesh, numbers, startClusterMesh } from '../../support/cluster/mesh.ts';
import { create } from '../../support/cluster/objects.ts';
import { processesOf, type Role } from '../../support/cluster/processes.ts';
import { gatewayName, routeHost } from '../../support/objects.ts';

/** Under load, from before it happens until all is well again. */
interface Outage {
  readonly what: string;
  readonly host: string;
  happen(mesh: ClusterMesh, context: BenchContext): Promise<void>;
}

const routes = 100;
const podsHost = 'pods.bench.example';

export const clusterOutages: Bench = {
  name: 'cluster-outages',
  about: 'requests failed while parts of a real cluster restart, end or go away',
  async run(context) {
    const mesh = await startClusterMesh(context);
    await mesh.createServices(10);
    await mesh.createRoutes(routes, 10);
    await servePods(mesh);
    await twoOperators(mesh);
    await mesh.allServed([...numbers(routes).map(routeHost), podsHost]);
    const figures: Figure[] = [];
    for (const { what, host, happen } of outages(context.quick)) {
      const load = mesh.load(16, [host]);
      await pause(1000);
      const startedAt = now();
      await happen(mesh, context);
      const seconds = (now() - startedAt) / 1000;
      await pause(2000);
      const { requests, failed, failures, longest } = await load.result();
      for (const { outcome, at } of failures.slice(0, 5))
        context.progress(`${what}: ${outcome} after ${at.toFixed(2)} s`);
      context.progress(`${what}: ${failed} of ${requests} requests failed in ${seconds.toFixed(1)} s`);
      const name = `requests failed while ${what}, of ${requests.toLocaleString('en-US')}`;
      figures.push(
        figure(name, failed, '', { goal: exactly(0) }),
        figure(`slowest answer while ${what}`, longest, 'ms'),
      );
    }
    return figures;
  },
};

function outages(quick: boolean): readonly Outage[] {
  const host = routeHost(0);
  return [
    {
      what: 'the agent is killed and comes back',
      host,
      happen: (mesh) => killed(mesh, 'agent'),
    },
    {
      what: 'the operator that leads is deleted and another takes over',
      host,
      happen: async (mesh) => {
        const before = await leader(mesh);
        if (before === undefined) throw new Error('no operator leads');
        // Leaders are called as their Pods are.
        const path = pathOf('Pod', { namespace: 'kube-system', name: before });
        await mesh.kube.request({ method: 'DELETE', path, query: { gracePeriodSeconds: '0' } });
        await until('another leader', async () => (await leader(mesh)) !== before, { timeout: 60_000, every: 100 });
      },
    },
    {
      what: `the API server is down for ${quick ? 10 : 60} s`,
      host,
      happen: async ({ testbed: { settings } }) => {
        const binaries = await ensureBinaries(linesOf(() => {}));
        const server = allComponents(settings, binaries).find(({ name }) => name === 'kube-apiserver');
        if (server === undefined) throw new Error('the testbed has no kube-apiserver');
        await stopComponent(settings.name, server, 'SIGKILL');
        await pause(quick ? 10_000 : 60_000);
        await startComponent(settings.name, server);
        await pause(5000);
      },
    },
    {
      what: 'all pods of a backend are replaced, one after the other',
      host: podsHost,
      happen: replacePods,
    },
  ];
}

async function killed({ name }: ClusterMesh, role: Role): Promise<void> {
  const { pids } = processesOf(name, role);
  const [pid] = pids;
  process.kill(pid as number, 'SIGKILL');
  await until(
    `another ${role}`,
    () => {
      try {
        return processesOf(name, role).pids.some((other) => !pids.includes(other));
      } catch {
        return false; // none at the moment
      }
    },
    { timeout: 120_000, every: 100 },
  );
  // It reads the cluster, and Envoy connects to it again.
  await pause(5000);
}

async function leader({ kube }: ClusterMesh): Promise<string | undefined> {
  const path = pathOf('Lease', { namespace: 'kube-system', name: 'sluice-operator' });
  const lease = await kube.request<{ spec?: { holderIdentity?: string } }>({ method: 'GET', path });
  return lease.spec?.holderIdentity;
}

/** So that there is one to take over. */
async function twoOperators({ kube }: ClusterMesh): Promise<void> {
  const path = '/apis/apps/v1/namespaces/kube-system/deployments';
  await kube.request({
    method: 'PATCH',
    path: `${path}/sluice-operator`,
    contentType: 'application/merge-patch+json',
    body: { spec: { replicas: 2 } },
  });
  const query = { fieldSelector: 'metadata.name=sluice-operator' };
  await watchUntil(kube, { path, query, what: 'two operators' }, ([found]) => isRolledOut(found, 2));
}

const deployment = 'servers';
const pods = 4;

/** A backend of real pods, as users have it: without anything that delays their end. */
async function servePods({ kube }: ClusterMesh): Promise<void> {
  await kube.request({
    method: 'POST',
    path: '/apis/apps/v1/namespaces/default/deployments',
    body: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: deployment },
      spec: {
        replicas: pods,
        selector: { matchLabels: { app: deployment } },
        template: {
          metadata: { labels: { app: deployment } },
          spec: {
            terminationGracePeriodSeconds: 5,
            containers: [
              {
                name: 'server',
                image: testserverImage,
                imagePullPolicy: 'Never',
                resources: { requests: { cpu: '250m' } },
                ports: [{ containerPort: 8080 }],
                readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
                // What Kubernetes asks of every server: to go on serving until everybody knows that it goes.
                lifecycle: { preStop: { sleep: { seconds: 2 } } },
              },
            ],
          },
        },
      },
    },
  });
  await create(kube, 'Service', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: deployment },
    spec: { selector: { app: deployment }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  });
  await create(kube, 'HTTPRoute', {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'pods' },
    spec: {
      parentRefs: [{ name: gatewayName }],
      hostnames: [podsHost],
      rules: [{ backendRefs: [{ name: deployment, port: 80 }] }],
    },
  });
}

async function replacePods({ kube }: ClusterMesh): Promise<void> {
  const path = `/apis/apps/v1/namespaces/default/deployments`;
  await kube.request({
    method: 'PATCH',
    path: `${path}/${deployment}`,
    contentType: 'application/merge-patch+json',
    body: { spec: { template: { metadata: { annotations: { 'example.com/restarted': `${Date.now()}` } } } } },
  });
  const query = { fieldSelector: `metadata.name=${deployment}` };
  const watching = { path, query, what: 'all pods replaced', timeout: 300_000 };
  await watchUntil(kube, watching, ([found]) => isRolledOut(found, pods));
}

interface Rolling extends RawObject {
  readonly metadata: RawObject['metadata'] & { readonly generation?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
  };
}

function isRolledOut(found: RawObject | undefined, replicas: number): boolean {
  const { metadata, status } = (found ?? {}) as Partial<Rolling>;
  return (
    status?.observedGeneration === metadata?.generation &&
    status?.replicas === replicas &&
    status.updatedReplicas === replicas &&
    status.availableReplicas === replicas
  );
}
