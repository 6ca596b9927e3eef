import assert from 'node:assert/strict';
import { type DatapathRig, type LabPod, startDatapathRig } from './support/datapath-rig.ts';
import type { Program } from './support/program.ts';
import { until } from './support/until.ts';

const policy = (name: string, spec: object) => ({
  ...{ apiVersion: 'cilium.io/v2', kind: 'CiliumNetworkPolicy', metadata: { name, namespace: 'default' } },
  spec,
});

describe('two pods of one node, added by the CNI plugin', () => {
  let rig: DatapathRig;
  let [client, server]: LabPod[] = [];
  let echo: Program;

  before(async () => {
    rig = await startDatapathRig();
    client = await rig.nodes[0]!.addPod('client', { labels: { app: 'client' } });
    server = await rig.nodes[0]!.addPod('server', { labels: { app: 'server' } });
    echo = await server.traffic.serve(8080, 9090);
  });
  after(async () => {
    await echo?.stop();
    await rig?.stop();
  });

  it('reach each other by TCP, UDP and ICMP, in IPv4 and IPv6, while no policy selects them', async () => {
    for (const address of [server!.ipv4, server!.ipv6]) {
      assert.equal(await client!.traffic.tcp(address, 8080), 'ok', address);
      assert.equal(await client!.traffic.udp(address, 8080), 'ok', address);
      assert.equal(await client!.traffic.udp(address, 8080, { bytes: 5000 }), 'ok', address);
      assert.equal(await client!.traffic.ping(address), 'ok', address);
      assert.equal(await client!.traffic.tcp(address, 8081), 'refused', address);
    }
  });

  it('are reached by their node, and reach it', async () => {
    for (const address of [server!.ipv4, server!.ipv6])
      assert.equal(await rig.nodes[0]!.traffic.tcp(address, 8080), 'ok');
    for (const address of ['192.0.2.1', '2001:db8::1'])
      assert.equal(await client!.traffic.ping(address), 'ok', address);
  });

  it('obey a policy, live connections too, as soon as it is saved', async () => {
    const live = await Promise.all([server!.ipv4, server!.ipv6].map((address) => client!.traffic.live(address, 9090)));
    for (const one of live) assert.deepEqual([one.opened, await one.exchange()], ['ok', 'ok']);
    rig.write(
      policy('web', {
        endpointSelector: { matchLabels: { app: 'server' } },
        ingress: [
          {
            fromEndpoints: [{ matchLabels: { app: 'client' } }],
            toPorts: [{ ports: [{ port: '8080', protocol: 'TCP' }] }],
          },
        ],
      }),
    );
    await until(
      'the port that is not allowed to be closed',
      async () => (await client!.traffic.tcp(server!.ipv4, 9090, 300)) === 'timeout',
    );
    for (const address of [server!.ipv4, server!.ipv6]) {
      assert.equal(await client!.traffic.tcp(address, 8080), 'ok', address);
      assert.equal(await client!.traffic.tcp(address, 9090, 300), 'timeout', address);
      assert.equal(await client!.traffic.udp(address, 8080, { wait: 300 }), 'timeout', address);
      assert.equal(await client!.traffic.ping(address, 300), 'timeout', address);
      // Its own node is let in whatever policies say.
      assert.equal(await rig.nodes[0]!.traffic.tcp(address, 9090), 'ok', address);
    }
    for (const one of live) {
      assert.equal(await one.exchange(300), 'timeout');
      await one.close();
    }
  });
});
