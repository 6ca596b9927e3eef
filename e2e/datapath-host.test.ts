import assert from 'node:assert/strict';
import { type DatapathRig, type LabPod, startDatapathRig } from './support/datapath-rig.ts';
import type { Program } from './support/program.ts';
import { until } from './support/until.ts';

const clusterwide = (name: string, spec: object) => ({
  ...{ apiVersion: 'cilium.io/v2', kind: 'CiliumClusterwideNetworkPolicy', metadata: { name } },
  spec,
});

describe('policies of nodes, and how policies are enforced', () => {
  let rig: DatapathRig;
  let pod: LabPod;
  const programs: Program[] = [];
  const own = ['192.0.2.1', '2001:db8::1'];

  before(async () => {
    rig = await startDatapathRig({ nodes: 2, outside: true, args: ['--host-firewall'] });
    pod = await rig.nodes[0]!.addPod('pod', { labels: { app: 'pod' } });
    programs.push(await rig.nodes[0]!.traffic.serve(7000, 7001), await pod.traffic.serve(8080));
  });
  after(async () => {
    for (const program of programs) await program.stop();
    await rig?.stop();
  });

  it('say who reaches a node, and leave its answers and the other node alone', async () => {
    for (const address of own) assert.equal(await rig.outside!.tcp(address, 7001), 'ok', address);
    rig.write(
      clusterwide('node', {
        nodeSelector: { matchLabels: { 'kubernetes.io/hostname': 'node-0' } },
        ingress: [
          {
            fromCIDR: ['192.0.2.100/32', '2001:db8::100/128'],
            toPorts: [{ ports: [{ port: '7000', protocol: 'TCP' }] }],
          },
        ],
      }),
    );
    await until('the other port to be closed', async () => (await rig.outside!.tcp(own[0]!, 7001, 300)) === 'timeout');
    for (const address of own) {
      assert.equal(await rig.outside!.tcp(address, 7000), 'ok', address);
      assert.equal(await rig.outside!.tcp(address, 7001, 300), 'timeout', address);
      assert.equal(await rig.nodes[1]!.traffic.tcp(address, 7000, 300), 'timeout', address);
      assert.equal(await pod.traffic.tcp(address, 7000, 300), 'timeout', address);
    }
    // What the node opens itself is answered.
    for (const address of [pod.ipv4, pod.ipv6])
      assert.equal(await rig.nodes[0]!.traffic.tcp(address, 8080), 'ok', address);
    for (const address of ['192.0.2.2', '2001:db8::2']) {
      assert.equal(await rig.nodes[0]!.traffic.ping(address), 'ok', address);
      assert.equal(await rig.outside!.ping(address), 'ok', address);
    }
    rig.remove('CiliumClusterwideNetworkPolicy', 'node');
    await until('all to be open again', async () => (await rig.outside!.tcp(own[0]!, 7001, 300)) === 'ok');
  });

  it('know API servers from where their Service has them', async () => {
    rig.write({
      apiVersion: 'cilium.io/v2',
      kind: 'CiliumNetworkPolicy',
      metadata: { name: 'api', namespace: 'default' },
      spec: { endpointSelector: { matchLabels: { app: 'pod' } }, ingress: [{ fromEntities: ['kube-apiserver'] }] },
    });
    await until('the pod to be closed', async () => (await rig.outside!.tcp(pod.ipv4, 8080, 300)) === 'timeout');
    rig.write({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'kubernetes', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['192.0.2.100'] }, { addresses: ['192.0.2.2'] }],
      ports: [{ name: 'https', port: 6443 }],
    });
    await until('the API server to be let in', async () => (await rig.outside!.tcp(pod.ipv4, 8080, 300)) === 'ok');
    assert.equal(await rig.nodes[1]!.traffic.tcp(pod.ipv4, 8080), 'ok', 'one on a node');
    assert.equal(await rig.nodes[1]!.traffic.tcp(pod.ipv6, 8080, 300), 'timeout', 'not an address of an API server');
  });

  it('are only told of in audit mode, and hold for everybody where they always do', async () => {
    assert.equal(await rig.outside!.tcp(pod.ipv6, 8080, 300), 'timeout');
    await rig.nodes[0]!.kill();
    await rig.nodes[0]!.start('--policy-audit');
    assert.equal(await rig.outside!.tcp(pod.ipv6, 8080), 'ok');
    const live = await rig.outside!.live(pod.ipv6, 8080);
    assert.deepEqual([live.opened, await live.exchange()], ['ok', 'ok']);
    await rig.nodes[0]!.kill();
    await rig.nodes[0]!.start();
    assert.equal(await live.exchange(300), 'timeout', 'what only audit mode let in is judged again');
    await live.close();
    const open = await rig.nodes[0]!.addPod('open', { labels: { app: 'open' } });
    programs.push(await open.traffic.serve(8080));
    assert.equal(await rig.outside!.tcp(open.ipv4, 8080), 'ok');
    await rig.nodes[0]!.kill();
    await rig.nodes[0]!.start('--policy-enforcement', 'always');
    assert.equal(await rig.outside!.tcp(open.ipv4, 8080, 300), 'timeout');
    rig.write({
      apiVersion: 'cilium.io/v2',
      kind: 'CiliumNetworkPolicy',
      metadata: { name: 'open', namespace: 'default' },
      spec: { endpointSelector: { matchLabels: { app: 'open' } }, ingress: [{ fromEntities: ['world'] }] },
    });
    await until('a policy to open it', async () => (await rig.outside!.tcp(open.ipv4, 8080, 300)) === 'ok');
  });
});
