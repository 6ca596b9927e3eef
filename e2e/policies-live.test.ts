import assert from 'node:assert/strict';
import { type DatapathRig, type LabPod, startDatapathRig } from './support/datapath-rig.ts';
import { app, cilium, egress, ingress } from './support/policy-cases/words.ts';
import type { Program } from './support/program.ts';
import type { LiveConnection, Traffic } from './support/traffic.ts';
import { until } from './support/until.ts';

const variants = [
  { title: 'connections between two nodes', args: [] },
  { title: 'connections through a tunnel', args: ['--routing=vxlan'] },
  { title: 'connections past no fast path', args: ['--no-fast-path'] },
];

for (const { title, args } of variants)
  describe(`${title}, while who the other side is changes`, () => {
    let rig: DatapathRig;
    const pods = new Map<string, LabPod>();
    const programs: Program[] = [];
    const open: LiveConnection[] = [];

    before(async () => {
      rig = await startDatapathRig({ nodes: 2, args });
      const add = async (node: number, name: string, labels: Record<string, string>) =>
        pods.set(name, await rig.nodes[node]!.addPod(name, { labels }));
      await add(0, 'server', { app: 'server' });
      await add(0, 'client', { app: 'client' });
      await add(1, 'far', { group: 'trusted' });
      // The identity stays known, and with it the entries of policies.
      await add(1, 'twin', { group: 'trusted' });
      for (const { traffic } of [...pods.values(), ...rig.nodes]) programs.push(await traffic.serve(8080));
    });
    after(async () => {
      await Promise.all(programs.map((program) => program.stop()));
      await rig?.stop();
    });
    afterEach(async () => {
      await Promise.all(open.splice(0).map((connection) => connection.close()));
      rig.remove('CiliumNetworkPolicy', 'case', 'default');
    });

    /** In both families, through a policy that allows them. */
    async function connect(from: Traffic, addresses: readonly string[]): Promise<LiveConnection[]> {
      const made: LiveConnection[] = [];
      for (const address of addresses) {
        await until(`${address} to be reached`, async () => {
          const connection = await from.live(address, 8080, 700);
          open.push(connection);
          made.push(connection);
          if (connection.opened === 'ok') return true;
          made.pop();
          return false;
        });
      }
      return made;
    }
    const all = async (connections: readonly LiveConnection[], wanted: string) =>
      (await Promise.all(connections.map((one) => one.exchange(wanted === 'timeout' ? 700 : undefined)))).every(
        (outcome) => outcome === wanted,
      );
    const addressesOf = (name: string) => [pods.get(name)!.ipv4, pods.get(name)!.ipv6];
    const trafficOf = (name: string) => pods.get(name)!.traffic;
    const label = (name: string, labels: Record<string, string>) =>
      rig.write({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default', labels },
        spec: { nodeName: 'node-1', containers: [{ name: 'app', image: 'app' }] },
      });
    const labelNode = (i: number, labels: Record<string, string>) =>
      rig.write({
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: `node-${i}`, labels },
        spec: { podCIDRs: [`10.1.${i}.0/24`, `fd00:1:${i}::/112`] },
        status: {
          addresses: [`192.0.2.${i + 1}`, `2001:db8::${i + 1}`].map((address) => ({ type: 'InternalIP', address })),
        },
      });
    const trusted = { matchLabels: { group: 'trusted' } };

    /** The other side is nobody any more whom the policy allows: its connections end, and those of its like do not. */
    async function ends(connections: readonly LiveConnection[], others: readonly LiveConnection[], change: () => void) {
      assert.ok(await all([...connections, ...others], 'ok'));
      change();
      await until('the connections to be judged again', () => all(connections, 'timeout'));
      assert.ok(await all(others, 'ok'));
    }

    it("what another node's pod opened", async () => {
      rig.write(ingress({ fromEndpoints: [trusted] }));
      const [far, twin] = [
        await connect(trafficOf('far'), addressesOf('server')),
        await connect(trafficOf('twin'), addressesOf('server')),
      ];
      await ends(far, twin, () => label('far', { group: 'strangers' }));
      label('far', { group: 'trusted' });
      await connect(trafficOf('far'), addressesOf('server'));
    });

    it("what was opened to another node's pod", async () => {
      rig.write(egress({ toEndpoints: [trusted] }));
      const [far, twin] = [
        await connect(trafficOf('client'), addressesOf('far')),
        await connect(trafficOf('client'), addressesOf('twin')),
      ];
      await ends(far, twin, () => label('far', { group: 'strangers' }));
      label('far', { group: 'trusted' });
      await connect(trafficOf('client'), addressesOf('far'));
    });

    it('what another node opened, and what was opened to it', async () => {
      for (const i of [0, 1]) labelNode(i, { role: 'trusted' });
      const nodes = [{ matchLabels: { role: 'trusted' } }];
      rig.write(cilium({ endpointSelector: {}, ingress: [{ fromNodes: nodes }], egress: [{ toNodes: nodes }] }));
      const node = ['192.0.2.2', '2001:db8::2'];
      const remote = [
        ...(await connect(rig.nodes[1]!.traffic, addressesOf('server'))),
        ...(await connect(trafficOf('client'), node)),
      ];
      // Node 1 is the host to its own pods.
      const own = await connect(trafficOf('twin'), node);
      const others = await connect(trafficOf('client'), ['192.0.2.1', '2001:db8::1']);
      await ends([...remote, ...own], others, () => labelNode(1, { role: 'stranger' }));
      labelNode(1, { role: 'trusted' });
      await connect(trafficOf('client'), node);
    });

    it('what nobody was asked about before', async () => {
      const server = app('server');
      rig.write(cilium({ endpointSelector: server, ingress: [{ fromEntities: ['cluster'] }] }));
      const [far, twin] = [
        await connect(trafficOf('far'), addressesOf('server')),
        await connect(trafficOf('twin'), addressesOf('server')),
      ];
      rig.write(
        cilium({
          endpointSelector: server,
          ingress: [{ fromEntities: ['cluster'] }],
          ingressDeny: [{ fromEndpoints: [{ matchLabels: { group: 'strangers' } }] }],
        }),
      );
      await ends(far, twin, () => label('far', { group: 'strangers' }));
      label('far', { group: 'trusted' });
    });
  });
