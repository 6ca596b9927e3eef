import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { attachmentNames } from '../src/cni/index.ts';
import type { PluginOutput } from './support/cni-plugin.ts';
import { type DatapathRig, type LabNode, type LabPod, startDatapathRig } from './support/datapath-rig.ts';
import { ipJson, type Netns } from './support/lab-network.ts';
import { until } from './support/until.ts';

const config = { cniVersion: '1.1.0', name: 'sluice', type: 'sluice-cni' };
const names = (netns: Netns) => ipJson<{ ifname: string }>(netns, 'link', 'show').map(({ ifname }) => ifname);
const podLinks = (node: LabNode) => names(node.netns).filter((name) => /^slu[0-9a-f]{11}$/.test(name));

/** Host routes to Pods: what is left of one that is gone would show. */
const podRoutes = (node: LabNode) =>
  ['-4', '-6'].flatMap((family) =>
    ipJson<{ dst: string; dev?: string }>(node.netns, family, 'route', 'show')
      .filter(({ dev }) => dev?.startsWith('slu') === true && dev !== 'sluice')
      .map(({ dst }) => dst),
  );

describe('the CNI plugin and a node’s agent', () => {
  let rig: DatapathRig;
  let node: LabNode;
  const made: Pick<LabPod, 'containerId' | 'netns' | 'name' | 'namespace'>[] = [];

  before(async () => {
    // What is mended here, a start mends.
    rig = await startDatapathRig({ args: ['--check-interval', '0s'] });
    node = rig.nodes[0]!;
  });
  after(() => rig?.stop());
  afterEach(async () => {
    for (const pod of made.splice(0)) {
      await node.call('DEL', pod);
      rig.lab.remove(pod.netns);
    }
    // Nothing of a pod can be reached when its DEL is answered; its interface is gone a moment later.
    assert.deepEqual(podRoutes(node), []);
    await noLinks();
  });
  const noLinks = () => until('interfaces of pods to be gone', () => podLinks(node).length === 0);

  let count = 0;
  /** A pod as the kubelet has made it: a sandbox, and nothing in it. */
  const sandbox = () => {
    const name = `pod-${count++}`;
    const pod = { name, namespace: 'default', containerId: `c-${process.pid}-${name}`, netns: rig.lab.add(name) };
    rig.write({
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', labels: { app: name } } },
      spec: { nodeName: 'node-0', containers: [{ name: 'app', image: 'app' }] },
    });
    made.push(pod);
    return pod;
  };
  const add = async (pod: ReturnType<typeof sandbox>, settings: object = config): Promise<PluginOutput> => {
    const { status, output } = await node.call('ADD', pod, settings);
    assert.equal(status, 0, JSON.stringify(output));
    return output!;
  };
  const addresses = (output: PluginOutput) => (output.ips ?? []).map(({ address }) => address);

  it('gives a pod an interface with addresses of the node’s Pod CIDRs, routes, the MTU, and its loopback', async () => {
    const pod = sandbox();
    pod.netns.ip('link', 'set', 'lo', 'down');
    const output = await add(pod);
    const [v4, v6] = addresses(output) as [string, string];
    assert.match(v4, /^10\.1\.0\.\d+\/32$/);
    assert.match(v6, /^fd00:1::[0-9a-f]+\/128$/);
    const [host, inner] = output.interfaces!;
    assert.deepEqual(podLinks(node), [host!.name]);
    assert.deepEqual([inner!.name, inner!.sandbox, inner!.mtu], ['eth0', pod.netns.path, 1500]);
    assert.deepEqual(output.routes, [
      { dst: '0.0.0.0/0', gw: '169.254.1.1' },
      { dst: '::/0', gw: 'fe80::1' },
    ]);
    interface Shown {
      readonly mtu: number;
      readonly address: string;
      readonly flags: string[];
      readonly addr_info: { readonly local: string; readonly prefixlen: number; readonly tentative?: true }[];
    }
    const [lo, eth0] = ['lo', 'eth0'].map((name) => ipJson<Shown>(pod.netns, 'address', 'show', name)[0]!);
    assert.ok(lo!.flags.includes('UP'));
    assert.deepEqual([eth0!.mtu, eth0!.address], [1500, inner!.mac]);
    assert.deepEqual(
      eth0!.addr_info.map(({ local, prefixlen, tentative }) => [`${local}/${prefixlen}`, tentative]),
      [
        [v4, undefined],
        [v6, undefined],
      ],
    );
    assert.deepEqual(podRoutes(node).sort(), [v4, v6].map((one) => one.replace(/\/.*/, '')).sort());
  });

  it('has the MTU of the configuration where that has one, and answers in its version', async () => {
    const pod = sandbox();
    const output = await add(pod, { ...config, cniVersion: '0.4.0', mtu: 1400 });
    assert.equal(output.cniVersion, '0.4.0');
    assert.deepEqual(
      (output.ips as { version?: string }[]).map(({ version }) => version),
      ['4', '6'],
    );
    assert.equal(ipJson<{ mtu: number }>(pod.netns, 'link', 'show', 'eth0')[0]?.mtu, 1400);
  });

  it('answers an ADD that is repeated with the same, and a DEL that is repeated with nothing', async () => {
    const pod = sandbox();
    const output = await add(pod);
    assert.deepEqual(await add(pod), output);
    assert.equal(podLinks(node).length, 1);
    for (const _ of [1, 2]) assert.deepEqual(await node.call('DEL', pod), { status: 0, output: undefined });
    await noLinks();
    assert.deepEqual(names(pod.netns), ['lo']);
  });

  it('deletes what never was, and what has lost its namespace', async () => {
    assert.equal((await node.call('DEL', sandbox())).status, 0);
    const pod = sandbox();
    await add(pod);
    rig.lab.remove(pod.netns);
    assert.equal((await node.call('DEL', pod)).status, 0);
    // The runtime may no longer know where it was.
    const nowhere = { ...pod, netns: { ...pod.netns, path: '' } };
    assert.equal((await node.call('DEL', nowhere)).status, 0);
  });

  it('checks what ADD has made: it says what somebody changed, and ADD mends it', async () => {
    const pod = sandbox();
    const output = await add(pod);
    const check = () => node.call('CHECK', pod, { ...config, prevResult: output });
    assert.deepEqual(await check(), { status: 0, output: undefined });
    pod.netns.ip('route', 'del', 'default');
    const { status, output: refused } = await check();
    assert.deepEqual([status, refused?.code], [1, 101]);
    assert.match(refused?.details ?? '', /no route 0\.0\.0\.0\/0 via 169\.254\.1\.1 in the pod/);
    await add(pod);
    assert.equal((await check()).status, 0);
    await node.call('DEL', pod);
    assert.equal((await check()).output?.code, 3);
  });

  it('says by CHECK what is missing on the node, until it is mended: at the latest when the agent is started anew', async () => {
    const pod = sandbox();
    const output = await add(pod);
    const [host] = podLinks(node);
    const [v4, v6] = addresses(output).map((address) => address.replace(/\/.*/, '')) as [string, string];
    const check = async () => {
      const { output: refused } = await node.call('CHECK', pod, { ...config, prevResult: output });
      return refused?.details ?? 'well';
    };
    const changes: [RegExp, () => unknown][] = [
      [/is without program from_pod/, () => node.netns.run('tc', 'filter', 'del', 'dev', host!, 'ingress')],
      [/neighbour fd00:1::\S+ is not/, () => node.netns.ip('neigh', 'del', v6, 'dev', host!)],
      [/no route 10\.1\.0\.\d+\/32 to slu/, () => node.netns.ip('route', 'del', v4)],
      [/slu[0-9a-f]+ is down/, () => node.netns.ip('link', 'set', host!, 'down')],
    ];
    for (const [said, change] of changes) {
      change();
      assert.match(await check(), said);
    }
    await node.kill();
    await node.start();
    assert.equal(await check(), 'well');
  });

  it('collects what the runtime does not know any more, and that alone', async () => {
    const [kept, gone] = [sandbox(), sandbox()];
    await add(kept);
    const freed = addresses(await add(gone));
    const valid = [{ containerID: kept.containerId, ifname: 'eth0' }];
    const gc = await node.call('GC', kept, { ...config, 'cni.dev/valid-attachments': valid });
    assert.deepEqual(gc, { status: 0, output: undefined });
    assert.equal(podLinks(node).length, 1);
    assert.deepEqual(names(gone.netns), ['lo']);
    assert.equal(podRoutes(node).length, 2);
    assert.ok(!podRoutes(node).some((one) => freed.includes(`${one}/32`) || freed.includes(`${one}/128`)));
    assert.equal((await node.call('STATUS', kept)).status, 0);
  });

  it('leaves nothing of a pod that cannot be made', async () => {
    const pod = sandbox();
    pod.netns.ip('link', 'add', 'eth0', 'type', 'bridge');
    const { status, output } = await node.call('ADD', pod);
    assert.deepEqual([status, output?.code], [1, 100]);
    assert.match(output?.msg ?? '', /ADD of default\/pod-\d+ \(.*\): .*EEXIST/);
    assert.deepEqual([podLinks(node), podRoutes(node)], [[], []]);
    const nowhere = await node.call('ADD', { ...pod, netns: { ...pod.netns, path: '/run/netns/none' } });
    assert.deepEqual([nowhere.status, nowhere.output?.code], [1, 4]);
    assert.deepEqual([podLinks(node), podRoutes(node)], [[], []]);
    pod.netns.ip('link', 'del', 'eth0');
    await add(pod);
  });

  it('gives forty pods at once forty addresses, and takes them back', async () => {
    const pods = Array.from({ length: 40 }, sandbox);
    const all = (await Promise.all(pods.map((pod) => add(pod)))).flatMap(addresses);
    assert.equal(new Set(all).size, 80);
    assert.equal(podLinks(node).length, 40);
    const deleted = await Promise.all(pods.map((pod) => node.call('DEL', pod)));
    assert.ok(deleted.every(({ status }) => status === 0));
  });

  it('makes nothing while there is no agent, and goes on where it was when there is one again', async () => {
    const [before, later] = [sandbox(), sandbox()];
    const output = await add(before);
    await node.kill();
    try {
      const links = names(node.netns);
      for (const command of ['ADD', 'DEL', 'STATUS']) {
        const answer = await node.call(command, later);
        assert.deepEqual([answer.status, answer.output?.code], [1, command === 'STATUS' ? 50 : 11], command);
      }
      assert.deepEqual(names(node.netns), links);
      assert.deepEqual(names(later.netns), ['lo']);
    } finally {
      await node.start();
    }
    assert.deepEqual(await add(before), output);
    assert.equal((await node.call('CHECK', before, { ...config, prevResult: output })).status, 0);
    await add(later);
  });

  /** Whose addresses of this node are, as the agent has it on disk. */
  const owners = (): string[] => {
    const held = new Map<string, string>();
    for (const line of readFileSync(join(node.stateDir, 'ipam.jsonl'), 'utf8').trim().split('\n')) {
      const { op, address = '', owner } = JSON.parse(line) as { op: string; address?: string; owner: string };
      if (op === 'take') held.set(address, owner);
      if (op === 'drop') held.delete(address);
    }
    return [...held.values()];
  };

  it('is killed while it deletes: what was deleted is gone when there is an agent again, and its address is free', async () => {
    for (const delay of [0, 4, 15]) {
      const pods = Array.from({ length: 10 }, sandbox);
      await Promise.all(pods.map((pod) => add(pod)));
      const calls = pods.map((pod) => node.call('DEL', pod));
      await new Promise((later) => setTimeout(later, delay));
      await node.kill();
      const answers = await Promise.all(calls);
      await node.start();
      const left = pods.filter((_, i) => answers[i]!.status !== 0);
      // Who was told so is not asked again.
      const links = left.map((pod) => attachmentNames({ ...pod, ifname: 'eth0' }).hostInterface);
      assert.deepEqual(
        podLinks(node).filter((name) => !links.includes(name)),
        [],
      );
      for (const pod of left) assert.equal((await node.call('DEL', pod)).status, 0);
      await noLinks();
      await until('all addresses to be free', () => owners().length === 0);
    }
  });

  it('finds interfaces of pods that nobody has a record of, and removes them, and no others', async () => {
    const pod = sandbox();
    await add(pod);
    await node.kill();
    const [theirs] = podLinks(node);
    for (const name of ['slu0123456789a', 'slu-other'])
      node.netns.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `p${name.slice(3, 9)}`);
    try {
      await node.start();
      assert.deepEqual(podLinks(node), [theirs]);
      assert.ok(names(node.netns).includes('slu-other'));
      // GC finds one that came later.
      node.netns.ip('link', 'add', 'slu0123456789b', 'type', 'veth', 'peer', 'name', 'pair');
      const valid = [{ containerID: pod.containerId, ifname: 'eth0' }];
      assert.equal((await node.call('GC', pod, { ...config, 'cni.dev/valid-attachments': valid })).status, 0);
      assert.deepEqual(podLinks(node), [theirs]);
    } finally {
      node.netns.ip('link', 'del', 'slu-other');
    }
  });

  it('is killed in the middle of it all, and no address is given twice, nothing is left over', async () => {
    const given = new Map<string, string>();
    const claim = (pod: ReturnType<typeof sandbox>, output: PluginOutput) => {
      for (const address of addresses(output)) {
        assert.ok([undefined, pod.name].includes(given.get(address)), `${address}: ${given.get(address)}, ${pod.name}`);
        given.set(address, pod.name);
      }
    };
    for (const delay of [3, 12, 30]) {
      const pods = Array.from({ length: 12 }, sandbox);
      const calls = pods.map((pod) => node.call('ADD', pod));
      await new Promise((later) => setTimeout(later, delay));
      await node.kill();
      const answers = await Promise.all(calls);
      await node.start();
      for (const [i, { status, output }] of answers.entries()) {
        if (status === 0) claim(pods[i]!, output!);
        else assert.equal(output?.code, 11, JSON.stringify(output));
      }
      // The kubelet tries again; who was told of an address still has it.
      for (const pod of pods) claim(pod, await add(pod));
      assert.equal(podLinks(node).length, given.size / 2);
    }
  });
});
