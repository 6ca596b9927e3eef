import assert from 'node:assert/strict';
import { pathOf, type RawObject } from '../src/kube/index.ts';
import { contains, parseCidr, parseIp } from '../src/lib/ip-address.ts';
import { nodePodCidrs } from '../src/operator/pod-cidrs-of-node.ts';
import {
  deployment,
  installDatapath,
  type PodObject,
  podsOf,
  reaches,
  runningPods,
  runSluice,
  urlsOf,
} from './support/cluster-pods.ts';
import { useCluster } from './support/cluster-rig.ts';

const nodes = ['node-1', 'node-2'] as const;
const families = (cidrs: readonly string[]) => [
  cidrs.filter((cidr) => !cidr.includes(':')),
  cidrs.filter((cidr) => cidr.includes(':')),
];

describe('a cluster whose operator gives Pod CIDRs out by demand', () => {
  const cluster = useCluster({ nodes: 2, cni: 'none', dns: false, ipv6: true });

  const pool = [
    ...['ipam.operator.clusterPoolIPv4MaskSize=28', 'ipam.operator.clusterPoolIPv4PodCIDRList={10.50.0.0/24}'],
    ...['ipam.operator.clusterPoolIPv6MaskSize=124', 'ipam.operator.clusterPoolIPv6PodCIDRList={fd00:50::/112}'],
  ];

  before(() =>
    installDatapath(cluster(), ['ipam.mode=cluster-pool-v2beta', 'tunnel=disabled', 'ipv6.enabled=true', ...pool]),
  );

  const running = async (count: number): Promise<PodObject[]> => {
    await cluster().apply(deployment('web', count));
    return runningPods(cluster(), 'web', count);
  };
  const cidrsOf = async (name: string) =>
    nodePodCidrs(await cluster().kube.request<RawObject>({ method: 'GET', path: pathOf('CiliumNode', { name }) }));

  it('gives pods addresses of CIDRs of their nodes, which are nobody else’s', async () => {
    const all = await running(4);
    const [one, other] = [await cidrsOf('node-1'), await cidrsOf('node-2')];
    const cidrs = { 'node-1': one.listed, 'node-2': other.listed };
    for (const { spec, status } of all) {
      const own = cidrs[spec.nodeName as 'node-1' | 'node-2'];
      for (const { ip } of status.podIPs ?? [])
        assert.ok(
          own.some((cidr) => contains(parseCidr(cidr)!, parseIp(ip)!)),
          `${ip} of ${spec.nodeName}: ${own}`,
        );
    }
    assert.equal(new Set([...one.listed, ...other.listed]).size, one.listed.length + other.listed.length);
    assert.equal(new Set(all.flatMap(urlsOf)).size, 8);
  });

  it('routes between the nodes directly, as nothing is encapsulated', async () => {
    const [from, ...others] = await podsOf(cluster(), 'web');
    for (const to of others) assert.equal(await reaches(cluster(), from!, to), 'all', to.spec.nodeName);
    for (const node of nodes) assert.doesNotMatch(await cluster().exec(node, 'ip', 'link'), /vxlan/);
  });

  it('gives nodes more when they run low, and takes back what they do not need', async () => {
    const all = await running(20);
    assert.equal(new Set(all.flatMap(urlsOf)).size, 40);
    for (const name of nodes)
      await cluster().waitFor('CiliumNode', name, 'has more than one CIDR', (object) => {
        const { listed, statuses } = nodePodCidrs(object ?? {});
        return families(listed).every((own) => own.length > 1 && own.some((cidr) => statuses.get(cidr) === 'in-use'));
      });
    await cluster().apply(deployment('web', 0));
    // With one of 14 free addresses it would be below the threshold of 16.
    for (const name of nodes)
      await cluster().waitFor(
        'CiliumNode',
        name,
        'has two CIDRs of each family',
        (object) => {
          const { listed, statuses } = nodePodCidrs(object ?? {});
          return families(listed).every((own) => own.length === 2) && statuses.size === 4;
        },
        { timeout: 60_000 },
      );
  });

  it('is installed again after it was removed, with one CIDR of each family for a node', async () => {
    await runSluice(cluster(), 'uninstall', '--crds');
    await installDatapath(cluster(), ['ipam.mode=cluster-pool', 'tunnel=disabled', 'ipv6.enabled=true', ...pool]);
    const all = await running(4);
    for (const name of nodes) {
      const { listed } = await cidrsOf(name);
      assert.deepEqual(
        families(listed).map((own) => own.length),
        [1, 1],
      );
      for (const { status } of all.filter(({ spec }) => spec.nodeName === name))
        for (const { ip } of status.podIPs ?? [])
          assert.ok(
            listed.some((cidr) => contains(parseCidr(cidr)!, parseIp(ip)!)),
            `${ip}: ${listed}`,
          );
    }
    const [from, ...others] = all;
    for (const to of others) assert.equal(await reaches(cluster(), from!, to), 'all', to.spec.nodeName);
  });
});
