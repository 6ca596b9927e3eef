import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CniNode, podObject, startCniNode } from './support/cni-node.ts';
import type { RuntimeAnswer } from './support/cni-runtime.ts';
import type { DatapathRig, LabNode } from './support/datapath-rig.ts';
import { ipJson, type Netns } from './support/lab-network.ts';
import { Traffic } from './support/traffic.ts';
import { until } from './support/until.ts';

const names = (netns: Netns) => ipJson<{ ifname: string }>(netns, 'link', 'show').map(({ ifname }) => ifname);
const addresses = ({ result }: RuntimeAnswer) => (result?.ips ?? []).map(({ address }) => address.replace(/\/.*/, ''));

function succeeded(answer: RuntimeAnswer): RuntimeAnswer {
  assert.equal(answer.status, 0, answer.error);
  return answer;
}

describe('libcni, as container runtimes call plugins', () => {
  let started: CniNode;
  let [rig, node]: [DatapathRig?, LabNode?] = [];

  before(async () => {
    started = await startCniNode();
    ({ rig, node } = started);
  });
  after(() => started?.stop());

  it('adds a pod by the configuration that the agent keeps, checks and deletes it, and asks how things are', async () => {
    const { runtime } = started;
    rig!.write(podObject('web'));
    const pod = rig!.lab.add('web');
    succeeded(await runtime.call('status', 'sluice', pod.path));
    const added = succeeded(await runtime.call('add', 'sluice', pod.path, 'default/web'));
    assert.equal(added.result?.cniVersion, '1.1.0');
    assert.equal(await new Traffic(node!.netns.path).ping(addresses(added)[0]!), 'ok');
    succeeded(await runtime.call('check', 'sluice', pod.path, 'default/web'));
    pod.ip('route', 'del', 'default');
    const checked = await runtime.call('check', 'sluice', pod.path, 'default/web');
    assert.notEqual(checked.status, 0);
    assert.match(checked.error, /is not as it was made.*no route 0\.0\.0\.0\/0/s);
    succeeded(await runtime.call('del', 'sluice', pod.path, 'default/web'));
    await until('the interface to be gone', () => names(pod).length === 1);
  });
});

describe('libcni, and Sluice at the end of another plugin’s chain', () => {
  const theirs = {
    ...{ cniVersion: '1.0.0', name: 'theirs' },
    plugins: [
      {
        ...{ type: 'bridge', bridge: 'cni0', isGateway: true },
        ipam: { type: 'host-local', ranges: [[{ subnet: '10.9.0.0/24' }]], routes: [{ dst: '0.0.0.0/0' }] },
      },
    ],
  };
  let started: CniNode;

  before(async () => {
    started = await startCniNode('theirs', theirs);
  });
  after(() => started?.stop());

  it('keeps the interface and the addresses, enforces policy, and leaves the rest to the other plugin', async () => {
    const { rig, node, runtime, configDir } = started;
    const chain = JSON.parse(readFileSync(join(configDir, '05-sluice.conflist'), 'utf8')) as {
      plugins: { type: string }[];
    };
    assert.deepEqual(
      chain.plugins.map(({ type }) => type),
      ['bridge', 'sluice-cni'],
    );
    const pods = ['client', 'server'].map((name) => {
      rig.write(podObject(name));
      return { name, netns: rig.lab.add(name) };
    });
    const added: RuntimeAnswer[] = [];
    for (const { name, netns } of pods)
      added.push(succeeded(await runtime.call('add', 'theirs', netns.path, `default/${name}`)));
    const [client, server] = added.map((answer) => addresses(answer)[0]!) as [string, string];
    for (const address of [client, server]) assert.match(address, /^10\.9\.0\.\d+$/);
    // None of ours, and the other plugin's are what they were.
    assert.deepEqual(
      names(node.netns).filter((name) => name.startsWith('slu')),
      [],
    );
    assert.deepEqual(ipJson<{ ifname: string }>(pods[0]!.netns, 'link', 'show').length, 2);
    const from = new Traffic(pods[0]!.netns.path);
    const echo = await new Traffic(pods[1]!.netns.path).serve(8080);
    try {
      assert.equal(await from.tcp(server, 8080), 'ok');
      assert.equal(await from.ping(server), 'ok');
      rig.write({
        ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
        metadata: { name: 'closed', namespace: 'default' },
        spec: { podSelector: { matchLabels: { app: 'server' } }, ingress: [] },
      });
      await until('the policy to be in force', async () => (await from.tcp(server, 8080, 300)) === 'timeout');
      rig.remove('NetworkPolicy', 'closed', 'default');
      await until('the policy to be gone', async () => (await from.tcp(server, 8080, 300)) === 'ok');
    } finally {
      await echo.stop();
    }
    for (const { name, netns } of pods) {
      succeeded(await runtime.call('check', 'theirs', netns.path, `default/${name}`));
      succeeded(await runtime.call('del', 'theirs', netns.path, `default/${name}`));
      assert.deepEqual(names(netns), ['lo']);
    }
  });
});
