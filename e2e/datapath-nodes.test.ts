import assert from 'node:assert/strict';
import { type DatapathRig, type LabPod, startDatapathRig } from './support/datapath-rig.ts';
import type { Program } from './support/program.ts';
import { until } from './support/until.ts';

const onlyClients = {
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumNetworkPolicy',
  metadata: { name: 'server', namespace: 'default' },
  spec: {
    endpointSelector: { matchLabels: { app: 'server' } },
    ingress: [
      {
        fromEndpoints: [{ matchLabels: { app: 'client' } }],
        toPorts: [{ ports: [{ port: '8080', protocol: 'TCP' }] }],
      },
    ],
  },
};

for (const routing of ['direct', 'vxlan'] as const) {
  for (const path of ['fast', 'stack'] as const) {
    describe(`pods of two nodes, ${routing === 'direct' ? 'by direct routes' : 'through VXLAN'}, by the ${path === 'fast' ? 'short way' : 'stack'}`, () => {
      let rig: DatapathRig;
      let [client, stranger, server]: LabPod[] = [];
      let echo: Program;

      before(async () => {
        const args = [
          '--enable-unreachable-routes',
          '--routing',
          routing,
          ...(path === 'fast' ? [] : ['--no-fast-path']),
        ];
        rig = await startDatapathRig({ nodes: 2, outside: true, args });
        client = await rig.nodes[0]!.addPod('client', { labels: { app: 'client' } });
        stranger = await rig.nodes[0]!.addPod('stranger', { labels: { app: 'stranger' } });
        server = await rig.nodes[1]!.addPod('server', { labels: { app: 'server' } });
        echo = await server.traffic.serve(8080, 9090);
      });
      after(async () => {
        await echo?.stop();
        await rig?.stop();
      });
      const both = () => [server!.ipv4, server!.ipv6];
      const open = (address: string) =>
        until(`${address} to be reached`, async () => (await client!.traffic.tcp(address, 8080, 300)) === 'ok');

      it('reach each other by TCP, UDP and ICMP, large datagrams too', async () => {
        for (const address of both()) {
          await open(address);
          assert.equal(await client!.traffic.tcp(address, 8080), 'ok', address);
          assert.equal(await client!.traffic.udp(address, 8080), 'ok', address);
          assert.equal(await client!.traffic.udp(address, 8080, { bytes: 9000 }), 'ok', address);
          assert.equal(await client!.traffic.ping(address), 'ok', address);
          assert.equal(await client!.traffic.tcp(address, 8081), 'refused', address);
        }
      });

      it('are reached by the other node', async () => {
        for (const address of both()) assert.equal(await rig.nodes[0]!.traffic.tcp(address, 8080), 'ok', address);
      });

      it('are told apart by their identity', async () => {
        rig.write(onlyClients);
        const closed = async () => (await stranger!.traffic.tcp(server!.ipv4, 8080, 300)) === 'timeout';
        await until('the stranger to be turned away', closed);
        for (const address of both()) {
          assert.equal(await client!.traffic.tcp(address, 8080), 'ok', address);
          assert.equal(await client!.traffic.tcp(address, 9090, 300), 'timeout', address);
          assert.equal(await stranger!.traffic.tcp(address, 8080, 300), 'timeout', address);
          assert.equal(await stranger!.traffic.ping(address, 300), 'timeout', address);
          // Of another node, not the own: the policy does not have it.
          assert.equal(await rig.nodes[0]!.traffic.tcp(address, 8080, 300), 'timeout', address);
        }
        rig.remove('CiliumNetworkPolicy', 'server', 'default');
        const opened = async () => (await stranger!.traffic.tcp(server!.ipv4, 8080, 300)) === 'ok';
        await until('the stranger to be let in again', opened);
      });

      it('get an answer at once from the node of a pod that is gone', async () => {
        const gone = await rig.nodes[1]!.addPod('gone', { labels: { app: 'gone' } });
        await until('its address to be known', async () => (await client!.traffic.ping(gone.ipv4, 300)) === 'ok');
        await rig.nodes[1]!.deletePod(gone);
        for (const address of [gone.ipv4, gone.ipv6])
          assert.equal(await client!.traffic.tcp(address, 8080), 'unreachable', address);
      });

      if (routing === 'direct')
        it('are reached from outside, where a policy with a CIDR says who may', async () => {
          for (const address of both()) assert.equal(await rig.outside!.tcp(address, 8080), 'ok', address);
          rig.write({
            ...onlyClients,
            spec: {
              endpointSelector: { matchLabels: { app: 'server' } },
              ingress: [
                { fromCIDR: ['192.0.2.100/32', '2001:db8::100/128'], toPorts: [{ ports: [{ port: '8080' }] }] },
              ],
            },
          });
          const closed = async () => (await client!.traffic.tcp(server!.ipv4, 8080, 300)) === 'timeout';
          await until('the client to be turned away', closed);
          for (const address of both()) {
            assert.equal(await rig.outside!.tcp(address, 8080), 'ok', address);
            assert.equal(await rig.outside!.tcp(address, 9090, 300), 'timeout', address);
          }
          rig.remove('CiliumNetworkPolicy', 'server', 'default');
        });
    });
  }
}
