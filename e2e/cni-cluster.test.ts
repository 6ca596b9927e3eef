import assert from 'node:assert/strict';
import { dump } from 'js-yaml';
import { pathOf } from '../src/kube/index.ts';
import {
  deployment,
  installDatapath,
  namespace,
  type PodObject,
  podsOf,
  reaches,
  runningPods,
  runSluice,
  startLoad,
  urlsOf,
} from './support/cluster-pods.ts';
import { useCluster } from './support/cluster-rig.ts';
import { until } from './support/until.ts';

const nodes = ['node-1', 'node-2'] as const;

/** Into the pods of a Deployment from pods with a role only. */
const onlyFrom = (app: string, role: string) =>
  dump({
    ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: `only-${role}`, namespace } },
    spec: {
      podSelector: { matchLabels: { app } },
      ingress: [{ from: [{ podSelector: { matchLabels: { role } } }] }],
    },
  });

/** Out of the pods of a Deployment to anywhere but one port of another's. */
const butFor = (app: string, denied: string, port: number) =>
  dump({
    ...{ apiVersion: 'cilium.io/v2', kind: 'CiliumNetworkPolicy', metadata: { name: `but-${port}`, namespace } },
    spec: {
      endpointSelector: { matchLabels: { app } },
      egress: [{ toEntities: ['all'] }],
      egressDeny: [
        {
          toEndpoints: [{ matchLabels: { app: denied } }],
          toPorts: [{ ports: [{ port: `${port}`, protocol: 'TCP' }] }],
        },
      ],
    },
  });

describe('a cluster whose pods’ network is Sluice’s', () => {
  const cluster = useCluster({ nodes: 2, cni: 'none', dns: false, ipv6: true });

  before(() => installDatapath(cluster(), ['tunnel=vxlan', 'ipv6.enabled=true']));

  const running = (app: string, count: number) => runningPods(cluster(), app, count);
  const each = <T, U>(all: readonly T[], other: readonly U[], check: (one: T, two: U) => Promise<unknown>) =>
    Promise.all(all.flatMap((one) => other.map((two) => check(one, two))));
  const allowed = (from: PodObject, to: PodObject) =>
    until('pods to be let in', async () => (await reaches(cluster(), from, to)) === 'all');
  const denied = (from: PodObject, to: PodObject) =>
    until('the policy to be in force', async () => (await reaches(cluster(), from, to, 2)) === 'none');
  /** Both agents answer that they are ready, themselves. */
  const agentsReady = () =>
    Promise.all(
      nodes.map((node) =>
        until(
          `the agent of ${node}`,
          () =>
            cluster()
              .exec(node, 'curl', '-fsm', '2', 'http://127.0.0.1:9964/readyz')
              .then(
                (text) => text.includes('ok'),
                () => false,
              ),
          60_000,
        ),
      ),
    );

  it('makes nodes ready, and gives pods addresses of their nodes’ Pod CIDRs, by the real kubelet and containerd', async () => {
    const { apply, waitFor } = cluster();
    for (const node of nodes)
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
    for (const { spec, status } of all) {
      const number = spec.nodeName.replace('node-', '');
      const [ipv4, ipv6] = (status.podIPs ?? []).map(({ ip }) => ip);
      assert.ok(ipv4?.startsWith(`10.244.${number}.`), `${ipv4}`);
      assert.ok(ipv6?.startsWith(`fd00:244:0:${number}:`), `${ipv6}`);
    }
    assert.equal(new Set(all.flatMap(urlsOf)).size, 8);
    assert.equal(new Set(all.map(({ spec }) => spec.nodeName)).size, 2);
  });

  it('tells of each pod in a CiliumEndpoint with its identity, and of pods alike with the same', async () => {
    const ids = new Set<number>();
    for (const { metadata, status } of await podsOf(cluster(), 'web')) {
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
      const { identity, networking } = found as {
        identity: { id: number; labels: string[] };
        networking: { addressing: { ipv4: string; ipv6: string }[] };
      };
      assert.ok(identity.labels.includes('k8s:app=web'));
      assert.deepEqual(
        networking.addressing.map(({ ipv4, ipv6 }) => [ipv4, ipv6]),
        [status.podIPs?.map(({ ip }) => ip)],
      );
      ids.add(identity.id);
    }
    assert.equal(ids.size, 1);
    const [id] = ids;
    await cluster().waitFor('CiliumIdentity', `${id}`, 'is there', (object) => object !== undefined);
  });

  it('carries packets of both families between pods of one node and of two', async () => {
    const [from, ...others] = await podsOf(cluster(), 'web');
    for (const to of others) assert.equal(await reaches(cluster(), from!, to), 'all', `${to.spec.nodeName}`);
  });

  it('enforces a NetworkPolicy for pods of this node and of the other', async () => {
    const { apply, remove } = cluster();
    await apply(deployment('client', 2, { role: 'client' }));
    await apply(deployment('stranger', 2));
    const [clients, strangers] = [await running('client', 2), await running('stranger', 2)];
    const web = await podsOf(cluster(), 'web');
    await apply(onlyFrom('web', 'nobody'));
    await each(clients, web, denied);
    await apply(onlyFrom('web', 'client'));
    await remove(onlyFrom('web', 'nobody'));
    await each(clients, web, allowed);
    await each(strangers, web, denied);
  });

  it('enforces a CiliumNetworkPolicy beside it, where what it denies comes first', async () => {
    const { apply, remove } = cluster();
    const [clients, web] = [await podsOf(cluster(), 'client'), await podsOf(cluster(), 'web')];
    await apply(butFor('client', 'web', 8080));
    await each(clients, web, denied);
    await apply(butFor('client', 'web', 8081));
    await remove(butFor('client', 'web', 8080));
    await each(clients, web, allowed);
    await remove(butFor('client', 'web', 8081));
  });

  /** Loads every server from a client and from a stranger while something happens: the one loses nothing, the other gets nothing. */
  const underLoad = async (work: () => Promise<void>) => {
    const urls = (await podsOf(cluster(), 'web')).flatMap(urlsOf);
    const [client] = await podsOf(cluster(), 'client');
    const [stranger] = await podsOf(cluster(), 'stranger');
    const stops = [await startLoad(cluster(), client!, urls), await startLoad(cluster(), stranger!, urls)] as const;
    await work();
    const [ours, theirs] = await Promise.all([stops[0](), stops[1]()]);
    console.log(`      ${ours.requests} requests, ${ours.answered} connections; ${theirs.refused} refused`);
    assert.deepEqual({ lost: ours.lost, errors: ours.errors }, { lost: [], errors: [] });
    assert.ok(ours.answered > 100 && ours.requests > 1000, JSON.stringify(ours));
    assert.deepEqual([theirs.answered, theirs.requests], [0, 0]);
    assert.ok(theirs.refused > 0);
  };

  it('loses no connection, and lets none in that policy denies, when agents are killed', async () => {
    const { exec, apply, remove } = cluster();
    await underLoad(async () => {
      for (const node of nodes) await exec(node, 'pkill', '-KILL', '-f', 'sluice agent');
      // Their sandboxes are asked for while nobody answers.
      await apply(deployment('after', 4, { role: 'client' }));
      const after = await running('after', 4);
      await agentsReady();
      await each(after, await podsOf(cluster(), 'web'), allowed);
    });
    await remove(deployment('after', 4));
  });

  it('loses no connection in an upgrade, and pods that start meanwhile wait', async () => {
    const { apply, kubectl, remove } = cluster();
    await underLoad(async () => {
      // The operators, one on each node, and the agents, one after the other.
      const upgrade = runSluice(cluster(), 'upgrade', '--set', 'log.level=debug', '--wait', '--timeout', '4m');
      await Promise.race([
        upgrade,
        until('an agent to be away', async () => {
          const unavailable = await kubectl(
            ...['get', 'daemonset', 'sluice', '-n', 'kube-system', '-o', 'jsonpath={.status.numberUnavailable}'],
          );
          return unavailable === '1';
        }),
      ]);
      await apply(deployment('meanwhile', 6, { role: 'client' }));
      await upgrade;
      const meanwhile = await running('meanwhile', 6);
      await each(meanwhile, await podsOf(cluster(), 'web'), allowed);
    });
    await remove(deployment('meanwhile', 6));
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
    await kubectl('delete', 'deployment', '-n', namespace, '--all', '--wait', '--cascade=foreground');
    for (const node of nodes)
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
