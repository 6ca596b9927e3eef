import assert from 'node:assert/strict';
import { dump } from 'js-yaml';
import { pathOf, type RawObject } from '../src/kube/index.ts';
import { contains, parseCidr, parseIp } from '../src/lib/ip-address.ts';
import { nodePodCidrs } from '../src/operator/pod-cidrs-of-node.ts';
import { helmCommand } from '../tools/manifests/chart.ts';
import { useCluster } from './support/cluster-rig.ts';
import { outcome, sluice, userEnv } from './support/sluice-cli.ts';
import { sluiceImageArchive } from './support/sluice-image.ts';

interface PodObject {
  readonly spec: { readonly nodeName: string };
  readonly status: { readonly podIP?: string };
}

const namespace = 'default';
const nodes = ['node-1', 'node-2'];

const deployment = (replicas: number) =>
  dump({
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace } },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          terminationGracePeriodSeconds: 0,
          topologySpreadConstraints: [
            {
              ...{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule' },
              labelSelector: { matchLabels: { app: 'web' } },
            },
          ],
          containers: [
            {
              ...{ name: 'server', image: 'testbed.sluice.dev/testserver:1', imagePullPolicy: 'Never' },
              args: ['serve', '8080'],
            },
          ],
        },
      },
    },
  });

describe('a cluster whose operator gives Pod CIDRs out by demand', function () {
  this.timeout(10 * 60_000);
  const cluster = useCluster({ nodes: 2, cni: 'none', dns: false });

  before(async () => {
    const { kubeconfig, load } = cluster();
    await load(sluiceImageArchive().path);
    const env = userEnv({ KUBECONFIG: kubeconfig, SLUICE_HELM: helmCommand() });
    const values = [
      ...['image.pullPolicy=Never', 'datapath.mode=ebpf', 'tunnel=vxlan', 'ipv6.enabled=false'],
      ...['ipam.mode=cluster-pool-v2beta', 'ipam.operator.clusterPoolIPv4MaskSize=28'],
      'ipam.operator.clusterPoolIPv4PodCIDRList={10.50.0.0/24}',
    ];
    const flags = [...values.flatMap((value) => ['--set', value]), '--wait', '--timeout', '4m'];
    const { code, stderr } = await outcome(sluice, ['install', ...flags], env);
    assert.equal(code, 0, stderr);
  });

  const pods = async (): Promise<PodObject[]> => {
    const query = { labelSelector: 'app=web' };
    const path = pathOf('Pod', { namespace });
    return (await cluster().kube.request<{ items: PodObject[] }>({ method: 'GET', path, query })).items;
  };
  const running = async (count: number): Promise<PodObject[]> => {
    await cluster().apply(deployment(count));
    await cluster().waitFor(
      'Deployment',
      'web',
      `${count} pods ready`,
      (object) => (object?.status as { readyReplicas?: number } | undefined)?.readyReplicas === count,
      { namespace, timeout: 120_000 },
    );
    return pods();
  };
  const cidrsOf = async (name: string) =>
    nodePodCidrs(await cluster().kube.request<RawObject>({ method: 'GET', path: pathOf('CiliumNode', { name }) }));

  it('gives pods addresses of CIDRs of their nodes, which are nobody else’s', async () => {
    const all = await running(4);
    const [one, other] = [await cidrsOf('node-1'), await cidrsOf('node-2')];
    const cidrs = { 'node-1': one.listed, 'node-2': other.listed };
    for (const { spec, status } of all) {
      const address = parseIp(status.podIP ?? '')!;
      const own = cidrs[spec.nodeName as 'node-1' | 'node-2'];
      assert.ok(
        own.some((cidr) => contains(parseCidr(cidr)!, address)),
        `${status.podIP} of ${spec.nodeName}: ${own}`,
      );
    }
    assert.equal(new Set([...one.listed, ...other.listed]).size, one.listed.length + other.listed.length);
    assert.equal(new Set(all.map(({ status }) => status.podIP)).size, 4);
  });

  it('gives nodes more when they run low, and takes back what they do not need', async () => {
    const all = await running(20);
    assert.equal(new Set(all.map(({ status }) => status.podIP)).size, 20);
    for (const name of nodes)
      await cluster().waitFor('CiliumNode', name, 'has more than one CIDR', (object) => {
        const { listed, statuses } = nodePodCidrs(object ?? {});
        return listed.length > 1 && listed.some((cidr) => statuses.get(cidr) === 'in-use');
      });
    await cluster().apply(deployment(0));
    // With one of 14 free addresses it would be below the threshold of 16.
    for (const name of nodes)
      await cluster().waitFor(
        'CiliumNode',
        name,
        'has two CIDRs',
        (object) => {
          const { listed, statuses } = nodePodCidrs(object ?? {});
          return listed.length === 2 && statuses.size === 2;
        },
        { timeout: 60_000 },
      );
  });
});
