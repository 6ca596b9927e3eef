import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { type DatapathRig, type LabNode, type LabPod, startDatapathRig } from './support/datapath-rig.ts';
import type { Program } from './support/program.ts';
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

describe('a node whose agent is killed, stopped and replaced under load', () => {
  let rig: DatapathRig;
  let node: LabNode;
  let [client, stranger, server]: LabPod[] = [];
  let echo: Program;

  before(async () => {
    rig = await startDatapathRig();
    node = rig.nodes[0]!;
    rig.write(onlyClients);
    client = await node.addPod('client', { labels: { app: 'client' } });
    stranger = await node.addPod('stranger', { labels: { app: 'stranger' } });
    server = await node.addPod('server', { labels: { app: 'server' } });
    echo = await server.traffic.serve(8080);
    await until(
      'the policy to be in force',
      async () => (await stranger!.traffic.tcp(server!.ipv4, 8080, 300)) === 'timeout',
    );
  });
  after(async () => {
    await echo?.stop();
    await rig?.stop();
  });

  /** Load of the one that is allowed, and attempts of the one that is not, all the while. */
  async function under(work: () => Promise<void>): Promise<void> {
    const loads = await Promise.all([
      client!.traffic.load('rr', server!.ipv4, 8080, 4),
      client!.traffic.load('crr', server!.ipv6, 8080),
    ]);
    let over = false;
    const attempts: string[] = [];
    const attack = (async () => {
      while (!over) attempts.push(await stranger!.traffic.tcp(server!.ipv4, 8080, 100));
    })();
    try {
      await work();
    } finally {
      over = true;
      await attack;
      const rates = await Promise.all(loads.map((load) => load.stop()));
      for (const { done, failed } of rates) assert.ok(done > 100 && failed === 0, `${done} done, ${failed} failed`);
    }
    assert.ok(attempts.length > 2);
    assert.deepEqual(
      attempts.filter((outcome) => outcome !== 'timeout'),
      [],
      'nobody was let in who is not allowed',
    );
  }

  it('loses no connection by kill -9, enforces all the while, and takes over what is there', async () => {
    const live = await client!.traffic.live(server!.ipv4, 8080);
    const links = readdirSync(`${node.bpffs}/links`);
    await under(async () => {
      await node.kill();
      assert.equal((await node.call('ADD', { ...client!, containerId: 'other' })).output?.code, 11);
      await node.start();
    });
    assert.equal(await live.exchange(), 'ok');
    await live.close();
    assert.deepEqual(readdirSync(`${node.bpffs}/links`), links);
    assert.equal(
      (
        await node.call('CHECK', server!, {
          cniVersion: '1.1.0',
          name: 'sluice',
          type: 'sluice-cni',
          prevResult: server!.result,
        })
      ).status,
      0,
    );
  });

  it('gives no address twice: those of pods that live on stay theirs', async () => {
    const another = await node.addPod('another', { labels: { app: 'another' } });
    for (const pod of [client!, stranger!, server!]) {
      assert.notEqual(another.ipv4, pod.ipv4);
      assert.notEqual(another.ipv6, pod.ipv6);
    }
    await node.deletePod(another);
    // An ADD that is repeated gives the same again.
    const again = await node.call('ADD', server!);
    assert.deepEqual(again.output?.ips, server!.result.ips);
  });

  it('takes other sizes of maps over with all that is in them', async () => {
    const live = await client!.traffic.live(server!.ipv6, 8080);
    await under(async () => {
      await node.program.stop();
      await node.start(
        '--map-size',
        'conntrack4=131072',
        '--map-size',
        'endpoints=1024',
        '--map-size',
        'ipcache4=8192',
      );
    });
    assert.equal(await live.exchange(), 'ok');
    await live.close();
  });

  it('learns of what happened while it was away before it does anything', async () => {
    await node.kill();
    rig.remove('CiliumNetworkPolicy', 'server', 'default');
    rig.write({
      ...onlyClients,
      metadata: { name: 'other', namespace: 'default' },
      spec: { ...onlyClients.spec, ingress: [{ fromEndpoints: [{ matchLabels: { app: 'stranger' } }] }] },
    });
    await node.start();
    assert.equal(await stranger!.traffic.tcp(server!.ipv4, 8080), 'ok');
    assert.equal(await client!.traffic.tcp(server!.ipv4, 8080, 300), 'timeout');
  });

  it('leaves nothing of a pod that is gone: interface, pins, address, record', async () => {
    const { containerId } = stranger!;
    await node.deletePod(stranger!);
    assert.deepEqual(
      readdirSync(`${node.bpffs}/links`).filter((name) => name.includes('pod')),
      [],
    );
    const links = () => node.netns.ip('-o', 'link').match(/: slu[0-9a-f]{11}@/g) ?? [];
    // Its interface goes behind the answer, and its record behind that.
    await until('its record to be gone', () => readdirSync(`${node.stateDir}/endpoints`).length === 2);
    assert.equal(links().length, 2);
    // Once more: what is gone is gone.
    assert.equal((await node.call('DEL', { ...stranger!, containerId })).status, 0);
  });
});
