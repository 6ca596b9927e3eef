import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ciliumBuildTime, ciliumPrograms } from './support/cilium-programs.ts';
import { type DatapathRig, type LabNode, type LabPod, startDatapathRig } from './support/datapath-rig.ts';
import type { Netns } from './support/lab-network.ts';
import type { Program } from './support/program.ts';
import { Traffic } from './support/traffic.ts';
import { until } from './support/until.ts';

describe('Cilium’s own CNI plugin, on a node of ours', () => {
  let plugin: string;
  let rig: DatapathRig;
  let node: LabNode;
  let [friend, stranger]: LabPod[] = [];
  let netns: Netns;
  let echo: Program | undefined;
  const containerId = `foreign${process.pid}`;

  before(async function () {
    this.timeout(ciliumBuildTime);
    plugin = (await ciliumPrograms()).cni;
    rig = await startDatapathRig();
    node = rig.nodes[0]!;
    friend = await node.addPod('friend', { labels: { friend: 'yes' } });
    stranger = await node.addPod('stranger');
    rig.write({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } },
      spec: { nodeName: node.name, containers: [{ name: 'app', image: 'app' }] },
    });
    rig.write({
      apiVersion: 'cilium.io/v2',
      kind: 'CiliumNetworkPolicy',
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        endpointSelector: { matchLabels: { app: 'web' } },
        ingress: [{ fromEndpoints: [{ matchLabels: { friend: 'yes' } }] }],
      },
    });
    netns = rig.lab.add('foreign-web');
  });
  after(async () => {
    await echo?.stop();
    await rig?.stop();
  });

  function call(command: string) {
    const { status, stdout, stderr } = spawnSync('nsenter', [`--net=${node.netns.path}`, '--', plugin], {
      input: JSON.stringify({ cniVersion: '0.3.1', name: 'cilium', type: 'cilium-cni' }),
      encoding: 'utf8',
      env: {
        ...process.env,
        CILIUM_SOCK: join(node.stateDir, 'agent.sock'),
        CNI_COMMAND: command,
        CNI_CONTAINERID: containerId,
        CNI_NETNS: netns.path,
        CNI_IFNAME: 'eth0',
        CNI_PATH: join(plugin, '..'),
        CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web',
      },
    });
    assert.equal(status, 0, `${command}: ${stdout}${stderr}`);
    return stdout;
  }

  it('makes a pod that has traffic under policy in both families, and takes it away again', async () => {
    const { ips } = JSON.parse(call('ADD')) as { ips: { address: string }[] };
    const addresses = ips.map(({ address }) => address.replace(/\/.*/, ''));
    assert.equal(addresses.length, 2);
    echo = await new Traffic(netns.path).serve(8080);
    await until('its policy', async () => (await stranger!.traffic.tcp(addresses[0]!, 8080, 300)) === 'timeout');
    for (const address of addresses) {
      assert.equal(await friend!.traffic.tcp(address, 8080), 'ok', address);
      assert.equal(await stranger!.traffic.tcp(address, 8080, 300), 'timeout', address);
    }
    await node.kill();
    await node.start();
    assert.equal(await friend!.traffic.tcp(addresses[0]!, 8080), 'ok', 'taken over');
    call('DEL');
    for (const address of addresses) assert.notEqual(await friend!.traffic.tcp(address, 8080, 300), 'ok', address);
    assert.doesNotMatch(node.netns.ip('link'), /lxc/);
    call('DEL');
  });
});
