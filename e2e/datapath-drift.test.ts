import assert from 'node:assert/strict';
import { type DatapathRig, type LabNode, type LabPod, startDatapathRig } from './support/datapath-rig.ts';
import { KernelPicture } from './support/kernel-picture.ts';
import type { Program } from './support/program.ts';
import { Traffic } from './support/traffic.ts';
import { until } from './support/until.ts';

const onlyClients = {
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumNetworkPolicy',
  metadata: { name: 'server', namespace: 'default' },
  spec: {
    endpointSelector: { matchLabels: { app: 'server' } },
    ingress: [{ fromEndpoints: [{ matchLabels: { app: 'client' } }] }],
  },
};

/** While things are being mended, what was listed may be gone when it is looked at: such a picture is like no other. */
function pictureOf(kernel: KernelPicture): string {
  try {
    return kernel.take();
  } catch (error) {
    return `${error}`;
  }
}

describe('what somebody else changes in the kernel', () => {
  let rig: DatapathRig;
  let node: LabNode;
  let [client, stranger, server, far]: LabPod[] = [];
  const programs: Program[] = [];
  let kernel: KernelPicture;

  before(async () => {
    rig = await startDatapathRig({ nodes: 2, args: ['--routing', 'vxlan', '--check-interval', '200ms'] });
    node = rig.nodes[0]!;
    rig.write(onlyClients);
    client = await node.addPod('client', { labels: { app: 'client' } });
    stranger = await node.addPod('stranger', { labels: { app: 'stranger' } });
    server = await node.addPod('server', { labels: { app: 'server' } });
    far = await rig.nodes[1]!.addPod('far', { labels: { app: 'far' } });
    programs.push(await server.traffic.serve(8080), await far.traffic.serve(8080));
    await until(
      'the policy to be in force, and the other node to be reached',
      async () =>
        (await stranger!.traffic.tcp(server!.ipv4, 8080, 300)) === 'timeout' &&
        (await client!.traffic.tcp(far!.ipv4, 8080, 300)) === 'ok',
    );
    kernel = new KernelPicture(node);
  });
  after(async () => {
    for (const program of programs) await program.stop();
    await rig?.stop();
  });

  /** Until it is as it was before, and packets pass as they did. */
  async function isMended(before: string): Promise<void> {
    let now = '';
    await until('the kernel to be as before', async () => {
      now = pictureOf(kernel);
      return now === before;
    }).catch((error: unknown) => {
      assert.equal(now, before);
      throw error;
    });
    assert.equal(await client!.traffic.tcp(server!.ipv4, 8080), 'ok');
    assert.equal(await stranger!.traffic.tcp(server!.ipv6, 8080, 200), 'timeout');
  }

  const hostEnd = (pod: LabPod) =>
    (JSON.parse(node.netns.ip('-json', 'route', 'show', pod.ipv4)) as { dev: string }[])[0]!.dev;

  const cases: readonly [string, () => void][] = [
    ['entries of endpoints', () => kernel.empty('endpoints')],
    ['addresses of the node and its pods', () => kernel.empty('local_addresses')],
    ['IPv4 prefixes', () => kernel.empty('ipcache4')],
    ['IPv6 prefixes', () => kernel.empty('ipcache6')],
    ['an entry of an endpoint that there is not', () => kernel.set('endpoints', kernel.entries('endpoints')[0]!.value)],
    ['what programs go by', () => kernel.zero('config')],
    ['maps of policies', () => kernel.empty('policies')],
    ['entries of policies', () => kernel.emptyPolicies()],
    ['the filters of a pod', () => node.netns.run('tc', 'qdisc', 'del', 'dev', hostEnd(server!), 'clsact')],
    ['links of devices', () => kernel.detachLinks()],
    ['pins of links', () => kernel.unpinLinks()],
    ['the route to a pod', () => node.netns.ip('route', 'del', server!.ipv4)],
    ['the neighbour that a pod is', () => node.netns.ip('neigh', 'flush', 'dev', hostEnd(server!), 'nud', 'permanent')],
    ["a pod's interface, set down", () => node.netns.ip('link', 'set', hostEnd(server!), 'down')],
    ['the route to another node', () => node.netns.ip('route', 'del', '10.1.1.0/24')],
  ];
  for (const [what, change] of cases)
    it(`is mended: ${what}`, async () => {
      const before = kernel.take();
      change();
      await isMended(before);
    });

  it('is mended: the tunnel', async () => {
    node.netns.ip('link', 'del', 'sluice_vxlan');
    // Pods' single packets do without it, so it is the node that asks.
    const fromNode = new Traffic(node.netns.path);
    for (const address of [far!.ipv4, far!.ipv6])
      await until('the node to reach the other one', async () => (await fromNode.tcp(address, 8080, 300)) === 'ok');
    let picture = '';
    await until('all that belongs to it', () => {
      const last = picture;
      picture = pictureOf(kernel);
      return picture === last;
    });
    await isMended(picture);
  });

  it("is said by CHECK where it is in a pod's own namespace", async () => {
    const config = { cniVersion: '1.1.0', name: 'sluice', type: 'sluice-cni', prevResult: stranger!.result };
    assert.equal((await node.call('CHECK', stranger!, config)).status, 0);
    stranger!.netns.ip('route', 'del', 'default');
    const { status, output } = await node.call('CHECK', stranger!, config);
    assert.equal(status, 1);
    assert.match(`${output?.details}`, /no route 0\.0\.0\.0\/0 via 169\.254\.1\.1 in the pod/);
  });
});
