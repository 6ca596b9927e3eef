import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { askRest } from '../src/cli/rest-client.ts';
import { type DatapathRig, type LabNode, type LabPod, startDatapathRig } from './support/datapath-rig.ts';
import { until } from './support/until.ts';

interface IpamAnswer {
  readonly address: { readonly ipv4: string; readonly ipv6: string };
}

const families = ['ipv4', 'ipv6'] as const;

describe('peers of a pod that is deleted', () => {
  for (const isOn of [true, false])
    describe(`with unreachable routes ${isOn ? 'on' : 'off'}`, () => {
      let rig: DatapathRig;
      let [near, far, gone]: LabPod[] = [];

      before(async () => {
        rig = await startDatapathRig({
          nodes: 2,
          outside: true,
          args: isOn ? ['--enable-unreachable-routes'] : [],
        });
        const [node, other] = rig.nodes as [LabNode, LabNode];
        [near, far, gone] = [await node.addPod('near'), await other.addPod('far'), await node.addPod('gone')];
        const echo = await gone.traffic.serve(8080);
        for (const family of families)
          for (const [who, traffic] of [
            ['near', near.traffic],
            ['far', far.traffic],
            ['outside', rig.outside!],
          ] as const)
            await until(
              `${who} to reach it by ${family}`,
              async () => (await traffic.tcp(gone![family], 8080, 700)) === 'ok',
            );
        await echo.stop();
        await node.deletePod(gone);
      });
      after(() => rig?.stop());

      for (const family of families) {
        const expected = isOn ? 'unreachable' : 'timeout';
        it(`on its node, on another one and outside: ${expected}, by ${family}`, async () => {
          const peers = [near!.traffic, far!.traffic, rig.outside!];
          const [pings, connections] = await Promise.all([
            Promise.all(peers.map((peer) => peer.ping(gone![family], isOn ? undefined : 700))),
            // The error for the first SYN comes over a veth within the very call that sends it, and finds the socket busy: it is taken
            // from the second one, a second later.
            Promise.all(peers.map((peer) => peer.tcp(gone![family], 8080, isOn ? undefined : 700))),
          ]);
          assert.deepEqual([pings, connections], [Array(3).fill(expected), Array(3).fill(expected)]);
        });
      }

      if (isOn)
        it('reach the next pod that has the address', async () => {
          const node = rig.nodes[0]!;
          assert.match(node.netns.ip('route', 'show', 'type', 'unreachable'), /^unreachable 10\.1\.0\.0\/24/m);
          const next = await node.addPod('next');
          const echo = await next.traffic.serve(8080);
          for (const family of families) assert.equal(await far!.traffic.tcp(next[family], 8080), 'ok');
          await echo.stop();
        });
    });
});

describe('addresses of pods, while the agent is killed again and again', () => {
  let rig: DatapathRig;
  before(async () => {
    rig = await startDatapathRig();
  });
  after(() => rig?.stop());

  it('are each one pod’s, and free again when nobody has them', async () => {
    const node = rig.nodes[0]!;
    const pods: LabPod[] = [];
    let failed = 0;
    const addSome = async (worker: number, count: number) => {
      for (let i = 0; i < count; i++) {
        const pod = await node.addPod(`pod-${worker}-${pods.length}-${failed}`).catch((error: Error) => {
          assert.match(error.message, /"code":(?:11|999|[0-9]+)/, error.message);
          failed++;
          return undefined;
        });
        if (pod === undefined) await delay(100);
        else pods.push(pod);
        // Some go at once.
        const [first] = i % 4 === 3 ? pods.splice(0, 1) : [];
        // One that nobody answered may have been begun: it is tried again, as the kubelet does.
        const deleted = (pod: LabPod) =>
          node.deletePod(pod).then(
            () => true,
            () => false,
          );
        if (first !== undefined) await until('a DEL that is answered', () => deleted(first));
      }
    };
    for (let round = 0; round < 3; round++) {
      const work = Promise.all([addSome(0, 12), addSome(1, 12)]);
      await delay(150 + 100 * round);
      await node.kill();
      await node.start();
      await work;
    }
    for (const family of families) {
      const addresses = pods.map((pod) => pod[family]);
      assert.equal(new Set(addresses).size, pods.length, `${addresses}`);
    }
    for (const pod of pods)
      assert.match(pod.netns.ip('address', 'show', 'dev', 'eth0'), new RegExp(`inet ${pod.ipv4}/32 `));
    assert.ok(pods.length > 0 && failed > 0, `${pods.length} pods, ${failed} failed`);
    // What was begun for pods that nobody knows of is not kept.
    await node.kill();
    await node.start();
    const record = readFileSync(join(node.stateDir, 'ipam.jsonl'), 'utf8');
    const held = new Map<string, string>();
    for (const line of record.trim().split('\n')) {
      const { op, address, owner } = JSON.parse(line) as Record<string, string>;
      if (op === 'take') held.set(address!, owner!);
      if (op === 'drop') held.delete(address!);
    }
    assert.deepEqual([...held.keys()].sort(), pods.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]).sort());
  });
});

describe('addresses that a tool asked the agent for', () => {
  let rig: DatapathRig;
  before(async () => {
    rig = await startDatapathRig();
  });
  after(() => rig?.stop());

  it('stay its own while the agent is killed and started anew, until it gives them back', async () => {
    const node = rig.nodes[0]!;
    const lend = async () => (await askRest<IpamAnswer>(node, '/ipam?owner=tool', { method: 'POST' }))!.address;
    const own = [await lend(), await lend()];
    await node.kill();
    await node.start();
    own.push(await lend());
    const pods = [await node.addPod('one'), await node.addPod('two')];
    const all = [...own, ...pods].flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]);
    assert.equal(new Set(all).size, 10, `${all}`);
    const allocations = async () =>
      (await askRest<{ ipam: { allocations: Record<string, string> } }>(node, '/healthz'))!.ipam.allocations;
    assert.deepEqual(Object.keys(await allocations()).sort(), all.sort());
    await askRest(node, `/ipam/${own[0]!.ipv4}`, { method: 'DELETE' });
    await askRest(node, '/ipam/tool', { method: 'DELETE' });
    assert.deepEqual(Object.values(await allocations()).sort(), [
      'default/one',
      'default/one',
      'default/two',
      'default/two',
    ]);
  });
});
