import assert from 'node:assert/strict';
import { dump } from 'js-yaml';
import { pathOf } from '../src/kube/index.ts';
import { helmCommand } from '../tools/manifests/chart.ts';
import { useCluster } from './support/cluster-rig.ts';
import { outcome, sluice, userEnv } from './support/sluice-cli.ts';
import { sluiceImageArchive } from './support/sluice-image.ts';
import { until } from './support/until.ts';

interface PodObject {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly nodeName: string };
  readonly status: { readonly podIP?: string; readonly phase: string };
}

const namespace = 'default';

const deployment = (name: string, replicas: number) =>
  dump({
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace } },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 0,
          topologySpreadConstraints: [
            {
              ...{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule' },
              labelSelector: { matchLabels: { app: name } },
            },
          ],
          containers: [
            {
              ...{ name: 'server', image: 'testbed.sluice.dev/testserver:1', imagePullPolicy: 'Never' },
              args: ['serve', '8080'],
              readinessProbe: { httpGet: { port: 8080, path: '/' }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  });

const onlyFrom = (app: string, name: string) =>
  dump({
    ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: `only-${name}`, namespace } },
    spec: {
      podSelector: { matchLabels: { app } },
      ingress: [{ from: [{ podSelector: { matchLabels: { app: name } } }] }],
    },
  });

describe('a cluster whose pods’ network is Sluice’s', function () {
  this.timeout(10 * 60_000);
  const cluster = useCluster({ nodes: 2, cni: 'none', dns: false });

  before(async () => {
    const { kubeconfig, load } = cluster();
    await load(sluiceImageArchive().path);
    const env = userEnv({ KUBECONFIG: kubeconfig, SLUICE_HELM: helmCommand() });
    const values = ['image.pullPolicy=Never', 'datapath.mode=ebpf', 'tunnel=vxlan', 'ipv6.enabled=false'];
    const flags = [...values.flatMap((value) => ['--set', value]), '--wait', '--timeout', '4m'];
    const { code, stderr } = await outcome(sluice, ['install', ...flags], env);
    assert.equal(code, 0, stderr);
  });

  const pods = async (app: string): Promise<PodObject[]> => {
    const query = { labelSelector: `app=${app}` };
    const path = pathOf('Pod', { namespace });
    return (await cluster().kube.request<{ items: PodObject[] }>({ method: 'GET', path, query })).items;
  };
  const running = async (app: string, count: number): Promise<PodObject[]> => {
    await cluster().waitFor(
      'Deployment',
      app,
      `${count} pods ready`,
      (object) => (object?.status as { readyReplicas?: number } | undefined)?.readyReplicas === count,
      { namespace, timeout: 120_000 },
    );
    return pods(app);
  };
  /** Whether a pod gets an answer from another one. */
  const reaches = async (from: PodObject, to: PodObject): Promise<boolean> => {
    const url = `http://${to.status.podIP}:8080/`;
    try {
      await cluster().kubectl('exec', '-n', namespace, from.metadata.name, '--', '/testserver', 'get', url);
      return true;
    } catch {
      return false;
    }
  };

  it('makes nodes ready, and gives pods addresses of their nodes’ Pod CIDRs, by the real kubelet and containerd', async () => {
    const { apply, waitFor } = cluster();
    for (const node of ['node-1', 'node-2'])
      await waitFor(
        'Node',
        node,
        'is ready',
        (object) =>
          /"type":"Ready","status":"True"|"status":"True"[^}]*"type":"Ready"/.test(JSON.stringify(object?.status)),
        { timeout: 60_000 },
      );
    await apply(deployment('web', 4));
    const all = await running('web', 4);
    for (const { spec, status } of all)
      assert.ok(status.podIP?.startsWith(`10.244.${spec.nodeName.replace('node-', '')}.`), `${status.podIP}`);
    assert.equal(new Set(all.map(({ status }) => status.podIP)).size, 4);
    assert.equal(new Set(all.map(({ spec }) => spec.nodeName)).size, 2);
  });

  it('tells of each pod in a CiliumEndpoint with its identity, and of pods alike with the same', async () => {
    const ids = new Set<number>();
    for (const { metadata, status } of await pods('web')) {
      let found: unknown;
      await cluster().waitFor(
        'CiliumEndpoint',
        metadata.name,
        'has an identity',
        (object) => {
          found = object?.status;
          return (object?.status as { identity?: object } | undefined)?.identity;
        },
        { namespace },
      );
      const { identity, networking } = found as { identity: { id: number; labels: string[] }; networking: object };
      assert.ok(identity.labels.includes('k8s:app=web'));
      assert.match(JSON.stringify(networking), new RegExp(`"${status.podIP?.replaceAll('.', '\\.')}"`));
      ids.add(identity.id);
    }
    assert.equal(ids.size, 1);
    const [id] = ids;
    await cluster().waitFor('CiliumIdentity', `${id}`, 'is there', (object) => object !== undefined);
  });

  it('carries packets between pods of one node and of two', async () => {
    const all = await pods('web');
    for (const to of all) if (to !== all[0]) assert.ok(await reaches(all[0]!, to), `${to.spec.nodeName}`);
  });

  it('enforces a NetworkPolicy for pods of this node and of the other', async () => {
    const { apply, remove } = cluster();
    await apply(deployment('client', 2));
    const [clients, web] = [await running('client', 2), await pods('web')];
    const policy = onlyFrom('web', 'nobody');
    await apply(policy);
    const pairs = clients.flatMap((client) => web.map((server) => [client, server] as const));
    const each = (check: (client: PodObject, server: PodObject) => Promise<unknown>) =>
      Promise.all(pairs.map(([client, server]) => check(client, server)));
    await each((...pair) => until('the policy to be in force', async () => !(await reaches(...pair))));
    await apply(onlyFrom('web', 'client'));
    await each((...pair) => until('clients to be let in', () => reaches(...pair)));
    await remove(policy);
    await remove(onlyFrom('web', 'client'));
  });

  it('needs no permission that it does not have', () => {
    const forbidden = cluster()
      .audit()
      .filter(({ user, responseStatus }) => /:sluice(-operator)?$/.test(user.username) && responseStatus?.code === 403)
      .map(({ user, verb, requestURI }) => `${user.username} ${verb} ${requestURI}`);
    assert.deepEqual(forbidden, []);
  });

  it('leaves nothing of pods that are deleted', async () => {
    const { kubectl, exec } = cluster();
    await kubectl('delete', 'deployment', '-n', namespace, 'client', 'web', '--wait', '--cascade=foreground');
    for (const node of ['node-1', 'node-2'] as const)
      await until(
        `no interface of a pod to be left on ${node}`,
        async () => !/: slu[0-9a-f]{11}@/.test(await exec(node, 'ip', 'link')),
      );
    await until('no CiliumEndpoint to be left', async () => {
      const path = pathOf('CiliumEndpoint', { namespace });
      return (await cluster().kube.request<{ items: unknown[] }>({ method: 'GET', path })).items.length === 0;
    });
  });
});
