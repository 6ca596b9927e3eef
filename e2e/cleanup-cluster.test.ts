import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathOf } from '../src/kube/index.ts';
import {
  deployment,
  installDatapath,
  namespace,
  podsOf,
  reaches,
  runningPods,
  runSluice,
  startLoad,
  urlsOf,
} from './support/cluster-pods.ts';
import { useCluster } from './support/cluster-rig.ts';
import { sluice } from './support/sluice-cli.ts';
import { until } from './support/until.ts';

const nodes = ['node-1', 'node-2'] as const;

describe('a datapath that is installed beside another network of pods, and goes', () => {
  const cluster = useCluster({ nodes: 2, dns: false });
  let before: unknown;

  /** What a node has that a datapath changes, but for interfaces of pods with routes to these, and link-local addresses that take a while. */
  const nodeState = async (node: (typeof nodes)[number]) => {
    const lines = async (...command: string[]) =>
      (await cluster().exec(node, ...command))
        .split('\n')
        .filter((line) => line !== '' && !/veth|slu[0-9a-f]{11}|fe80:/.test(line))
        // Numbers of interfaces, and how long something is valid still.
        .map((line) => line.replace(/^\d+: |_lft \S+/g, '').trim());
    return {
      links: (await lines('ip', '-o', 'link')).map((line) => line.split(':')[0]),
      addresses: await lines('ip', '-o', 'address'),
      routes: await lines('ip', 'route', 'show', 'table', 'all'),
      routes6: await lines('ip', '-6', 'route', 'show', 'table', 'all'),
      programs: await lines('bpftool', 'net', 'show'),
      pins: await lines('find', '/sys/fs/bpf'),
      cni: await lines('find', '/etc/cni/net.d', '/opt/cni/bin', '-type', 'f'),
    };
  };
  const allNodes = async () => Promise.all(nodes.map(nodeState));

  it('leaves pods of the other network alone, and itself nothing on the nodes', async () => {
    const { apply, exec, waitFor } = cluster();
    await apply(deployment('theirs', 4));
    const theirs = await runningPods(cluster(), 'theirs', 4);
    before = await allNodes();
    const stop = await startLoad(cluster(), theirs[0]!, theirs.flatMap(urlsOf));

    await installDatapath(cluster(), [
      ...['tunnel=vxlan', 'ipv6.enabled=false', 'enableUnreachableRoutes=true', 'ipam.mode=cluster-pool'],
      'ipam.operator.clusterPoolIPv4PodCIDRList={10.60.0.0/16}',
    ]);
    await apply(deployment('ours', 4));
    const ours = await runningPods(cluster(), 'ours', 4);
    for (const { status } of ours) assert.match(status.podIP ?? '', /^10\.60\./);
    assert.equal(await reaches(cluster(), ours[0]!, ours[1]!), 'all');
    await apply(readFileSync(join(import.meta.dirname, 'testdata/web.yaml'), 'utf8'));
    await waitFor(
      'Ingress',
      'web',
      'has an address',
      (object) => /10\.90\.200\./.test(JSON.stringify(object?.status)),
      {
        namespace,
      },
    );
    for (const node of nodes)
      await until(`an address on ${node}`, async () =>
        /10\.90\.200\./.test(await exec(node, 'ip', 'address', 'show', 'lo')),
      );
    const list = await exec('node-1', sluice, 'cleanup');
    for (const kind of ['CNI configuration', 'CNI plugin', 'program', 'pins', 'device', 'route', 'address'])
      assert.match(list, new RegExp(`^${kind} `, 'm'));
    assert.match(list, /^nothing was removed/m);
    await assert.rejects(
      exec('node-1', sluice, 'cleanup', '--yes'),
      /an agent runs on this node.*\n.*\[NODE_IN_USE\]|NODE_IN_USE/,
    );

    await runSluice(cluster(), 'uninstall');
    assert.deepEqual(await allNodes(), before);
    const { items } = await cluster().kube.request<{ items: readonly { metadata: { name: string } }[] }>({
      method: 'GET',
      path: pathOf('Pod', { namespace: 'kube-system' }),
    });
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name),
      [],
    );
    const seen = await stop();
    assert.deepEqual({ lost: seen.lost, errors: seen.errors }, { lost: [], errors: [] });
    assert.ok(seen.requests > 1000);
  });

  it('goes on carrying packets between pods of a node, until they are made anew in the other network', async () => {
    const { kubectl, exec } = cluster();
    const ours = await podsOf(cluster(), 'ours');
    for (const node of nodes) {
      const [one, other] = ours.filter(({ spec }) => spec.nodeName === node);
      assert.equal(await reaches(cluster(), one!, other!), 'all');
      assert.match(await exec(node, sluice, 'cleanup'), /^\d pods keep their interfaces, and \/run\/sluice/m);
    }
    await kubectl('delete', 'deployment', 'web', '-n', namespace, '--wait', '--cascade=foreground');
    await kubectl('rollout', 'restart', '-n', namespace, 'deployment/ours');
    await kubectl('rollout', 'status', '-n', namespace, 'deployment/ours', '--timeout=120s');
    const anew = await runningPods(cluster(), 'ours', 4);
    const theirs = await podsOf(cluster(), 'theirs');
    for (const { status } of anew) assert.match(status.podIP ?? '', /^10\.244\./);
    for (const to of theirs) assert.equal(await reaches(cluster(), anew[0]!, to), 'all');
    for (const node of nodes) {
      await until(
        `no interface of ours on ${node}`,
        async () => !/slu[0-9a-f]{11}/.test(await exec(node, 'ip', 'link')),
      );
      assert.match(await exec(node, sluice, 'cleanup', '--yes'), /^state +\/run\/sluice: .*\n+removed 1 of 1/m);
      assert.match(await exec(node, sluice, 'cleanup'), /^nothing of Sluice is on this node/m);
    }
    assert.deepEqual(await allNodes(), before);
  });
});
