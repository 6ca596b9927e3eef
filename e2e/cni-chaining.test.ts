import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { attachmentNames } from '../src/cni/index.ts';
import { type CniNode, podObject, startCniNode } from './support/cni-node.ts';
import type { PluginOutput } from './support/cni-plugin.ts';
import { type DatapathRig, type LabNode, type LabPod, startDatapathRig } from './support/datapath-rig.ts';
import { ipJson, type Netns } from './support/lab-network.ts';
import { Traffic } from './support/traffic.ts';
import { until } from './support/until.ts';

const names = (netns: Netns) => ipJson<{ ifname: string }>(netns, 'link', 'show').map(({ ifname }) => ifname);
const bare = (address: string) => address.replace(/\/.*/, '');

const closed = {
  ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
  metadata: { name: 'closed', namespace: 'default' },
  spec: { podSelector: { matchLabels: { app: 'server' } }, ingress: [] },
};

interface Reached {
  readonly netns: Netns;
  readonly addresses: readonly string[];
}

/** Both reach each other and the node reaches them, a policy closes the one and lets it be reached again, by each of its addresses. */
async function enforces(rig: DatapathRig, node: LabNode, client: Reached, server: Reached): Promise<void> {
  const [from, to] = [new Traffic(client.netns.path), new Traffic(server.netns.path)];
  const echo = await to.serve(8080);
  try {
    for (const address of server.addresses) {
      await until(`the pod to be reached by ${address}`, async () => (await from.tcp(address, 8080, 700)) === 'ok');
      assert.equal(await from.ping(address), 'ok');
      assert.equal(await node.traffic.tcp(address, 8080), 'ok');
    }
    for (const address of client.addresses) assert.equal(await to.ping(address), 'ok');
    rig.write(closed);
    for (const address of server.addresses)
      await until(`${address} to be closed`, async () => (await from.tcp(address, 8080, 300)) === 'timeout');
    // Its own connections are as they were, and the node's probes.
    for (const address of client.addresses) assert.equal(await to.ping(address), 'ok');
    for (const address of server.addresses) assert.equal(await node.traffic.tcp(address, 8080), 'ok');
    rig.remove('NetworkPolicy', 'closed', 'default');
    for (const address of server.addresses)
      await until(`${address} to be open`, async () => (await from.tcp(address, 8080, 300)) === 'ok');
  } finally {
    await echo.stop();
  }
}

/** Whether an answer comes from somebody who listens, or from nobody, but comes. */
async function isOpen(client: Reached, { addresses }: Reached): Promise<boolean> {
  const outcomes = await Promise.all(addresses.map((address) => new Traffic(client.netns.path).tcp(address, 9, 300)));
  return outcomes.every((outcome) => outcome !== 'timeout');
}

describe('Sluice behind a plugin with a routed veth for each pod (ptp), by libcni', () => {
  const subnets = ['10.9.0.0/24', 'fd09::/64'];
  const theirs = {
    ...{ cniVersion: '1.0.0', name: 'theirs' },
    plugins: [
      {
        type: 'ptp',
        ipam: {
          type: 'host-local',
          ranges: subnets.map((subnet) => [{ subnet }]),
          routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
        },
      },
    ],
  };
  let started: CniNode;

  before(async () => {
    started = await startCniNode('theirs', theirs);
  });
  after(() => started?.stop());

  it('keeps its interfaces, host routes and addresses of both families, enforces policy, and leaves it to remove them', async () => {
    const { rig, node, runtime } = started;
    const before = names(node.netns);
    const pods: (Reached & { readonly name: string; readonly host: string })[] = [];
    for (const name of ['client', 'server']) {
      rig.write(podObject(name));
      const netns = rig.lab.add(name);
      const { status, result, error } = await runtime.call('add', 'theirs', netns.path, `default/${name}`);
      assert.equal(status, 0, error);
      const [host, inner] = result!.interfaces!;
      assert.deepEqual([host!.sandbox, inner!.name, inner!.sandbox], [undefined, 'eth0', netns.path]);
      const addresses = result!.ips!.map(({ address }) => bare(address));
      assert.deepEqual(
        addresses.map((address) => address.includes(':')),
        [false, true],
      );
      for (const address of addresses) {
        const family = address.includes(':') ? '-6' : '-4';
        assert.match(node.netns.ip(family, 'route', 'show', address), new RegExp(host!.name));
      }
      pods.push({ name, netns, host: host!.name, addresses });
    }
    assert.deepEqual(names(node.netns), [...before, ...pods.map(({ host }) => host)]);
    const [client, server] = pods as [(typeof pods)[0], (typeof pods)[0]];
    await enforces(rig, node, client, server);
    // An agent that follows goes on with them, in full from the first packet.
    rig.write(closed);
    await until('the policy to be in force', async () => !(await isOpen(client, server)));
    await node.kill();
    assert.equal(await isOpen(client, server), false);
    await node.start();
    assert.equal(await isOpen(client, server), false);
    rig.remove('NetworkPolicy', 'closed', 'default');
    await until('the policy to be gone', () => isOpen(client, server));
    for (const { name, netns } of pods) {
      const checked = await runtime.call('check', 'theirs', netns.path, `default/${name}`);
      assert.equal(checked.status, 0, checked.error);
    }
    for (const { name, netns } of pods) {
      const deleted = await runtime.call('del', 'theirs', netns.path, `default/${name}`);
      assert.equal(deleted.status, 0, deleted.error);
      assert.deepEqual(names(netns), ['lo']);
    }
    assert.deepEqual(names(node.netns), before);
    assert.deepEqual(readdirSync(join(node.stateDir, 'endpoints')), []);
  });
});

type Sandbox = Pick<LabPod, 'containerId' | 'netns' | 'name' | 'namespace'>;

/** What another plugin does for a pod, and answers. */
interface Shape {
  readonly what: string;
  readonly cniVersion: string;
  setUp(node: Netns, pod: Sandbox, number: number): object;
  /** The pod's addresses. */
  addresses(number: number): string[];
}

const hostName = (prefix: string, { name }: Sandbox) => `${prefix}${Buffer.from(name).toString('hex').slice(-8)}`;

function veth(node: Netns, { netns }: Sandbox, host: string): void {
  node.ip('link', 'add', host, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns.name);
  node.ip('link', 'set', host, 'up');
  netns.ip('link', 'set', 'eth0', 'up');
}

/** The way out of a pod by an address that nobody has, with a permanent neighbour: none is asked for. */
function virtualGateway(node: Netns, { netns }: Sandbox, host: string, gateways: readonly string[]): void {
  const [{ address: mac }] = ipJson<{ address: string }>(node, 'link', 'show', host) as [{ address: string }];
  for (const gateway of gateways) {
    const family = gateway.includes(':') ? '-6' : '-4';
    const bits = family === '-6' ? 128 : 32;
    netns.ip(family, 'route', 'add', `${gateway}/${bits}`, 'dev', 'eth0', 'scope', 'link');
    netns.ip(family, 'route', 'add', 'default', 'via', gateway, 'dev', 'eth0');
    netns.ip('neigh', 'add', gateway, 'lladdr', mac, 'dev', 'eth0', 'nud', 'permanent');
  }
}

function hostRoutes(node: Netns, host: string, addresses: readonly string[]): void {
  for (const address of addresses) {
    const isSix = address.includes(':');
    node.ip(isSix ? '-6' : '-4', 'route', 'add', `${address}/${isSix ? 128 : 32}`, 'dev', host, 'scope', 'link');
  }
}

/**
 * As the AWS VPC CNI has it: `eni...` on the node, a /32 route to it in the main table and a rule that finds it there; a third interface in the
 * result is none, but tells its DEL something (VLAN 0 as MAC address, the device's number as sandbox).
 */
const aws = (family: 4 | 6): Shape => {
  const addresses = (number: number) => [family === 4 ? `10.7.1.${number}` : `fd07:1::${number}`];
  return {
    what: `the AWS VPC CNI, IPv${family}`,
    cniVersion: '0.4.0',
    addresses,
    setUp(node, pod, number) {
      const host = hostName('eni', pod);
      const [address] = addresses(number) as [string];
      const bits = family === 4 ? 32 : 128;
      veth(node, pod, host);
      pod.netns.ip('address', 'add', `${address}/${bits}`, 'dev', 'eth0', ...(family === 6 ? ['nodad'] : []));
      virtualGateway(node, pod, host, [family === 4 ? '169.254.1.1' : 'fe80::1']);
      hostRoutes(node, host, [address]);
      node.ip(
        `-${family}`,
        'rule',
        'add',
        'from',
        'all',
        'to',
        `${address}/${bits}`,
        'table',
        'main',
        'priority',
        '512',
      );
      return {
        interfaces: [
          { name: host },
          { name: 'eth0', sandbox: pod.netns.path },
          { name: hostName('dummy', pod), mac: '0', sandbox: '1' },
        ],
        ips: [{ version: `${family}`, interface: 1, address: `${address}/${bits}` }],
        routes: [],
        dns: {},
      };
    },
  };
};

/** As it is with egress of IPv4 in a cluster of IPv6: the plugin `egress-cni` has added a second interface, whose address is not the pod's. */
const awsWithEgress: Shape = {
  ...aws(6),
  what: 'the AWS VPC CNI, IPv6 with egress-cni',
  setUp(node, pod, number) {
    const { interfaces, ips, ...rest } = aws(6).setUp(node, pod, number) as { interfaces: object[]; ips: object[] };
    return {
      ...rest,
      interfaces: [...interfaces, { name: hostName('v4b', pod) }, { name: 'v4if0', sandbox: pod.netns.path }],
      ips: [...ips, { version: '4', interface: 4, address: `169.254.172.${number}/22`, gateway: '169.254.172.1' }],
    };
  },
};

const azureAddresses = (number: number) => [`10.241.0.${number}`, `fd41::${number}`];
/** All that its result says: the interface without its namespace, and addresses that name no interface. */
const azureResult = (gateways: readonly [string, string], addresses: readonly string[]) => ({
  interfaces: [{ name: 'eth0' }],
  ips: addresses.map((address, i) => ({
    ...{ version: i === 0 ? '4' : '6', address: `${address}/${i === 0 ? 16 : 64}`, gateway: gateways[i] },
  })),
  routes: gateways.map((gw, i) => ({ dst: i === 0 ? '0.0.0.0/0' : '::/0', gw })),
  dns: { nameservers: ['168.63.129.16'] },
});

/** `azv...` on the node, with a route for each address; the pod's subnet is not on its link. */
const azureTransparent: Shape = {
  what: 'the Azure CNI in transparent mode',
  cniVersion: '0.3.0',
  addresses: azureAddresses,
  setUp(node, pod, number) {
    const host = hostName('azv', pod);
    const addresses = azureAddresses(number);
    const gateways = ['169.254.1.1', 'fe80::1234:5678:9abc'] as const;
    veth(node, pod, host);
    for (const [i, address] of addresses.entries())
      pod.netns.ip(
        'address',
        'add',
        `${address}/${i === 0 ? 16 : 64}`,
        'dev',
        'eth0',
        'noprefixroute',
        ...(i === 1 ? ['nodad'] : []),
      );
    virtualGateway(node, pod, host, gateways);
    hostRoutes(node, host, addresses);
    node.sysctl(`net.ipv4.conf.${host}.proxy_arp`, 1);
    return azureResult(gateways, addresses);
  },
};

/** `azv...` is a port of the bridge `azure0`, over which pods reach each other without the node's routing. */
const azureBridge: Shape = {
  what: 'the Azure CNI in bridge mode',
  cniVersion: '0.3.0',
  addresses: azureAddresses,
  setUp(node, pod, number) {
    const host = hostName('azv', pod);
    const addresses = azureAddresses(number);
    const gateways = ['10.241.0.1', 'fd41::1'] as const;
    if (!names(node).includes('azure0')) {
      node.ip('link', 'add', 'azure0', 'type', 'bridge');
      node.ip('link', 'set', 'azure0', 'up');
      for (const [i, gateway] of gateways.entries())
        node.ip('address', 'add', `${gateway}/${i === 0 ? 16 : 64}`, 'dev', 'azure0', ...(i === 1 ? ['nodad'] : []));
    }
    veth(node, pod, host);
    node.ip('link', 'set', host, 'master', 'azure0');
    for (const [i, address] of addresses.entries()) {
      pod.netns.ip('address', 'add', `${address}/${i === 0 ? 16 : 64}`, 'dev', 'eth0', ...(i === 1 ? ['nodad'] : []));
      pod.netns.ip(i === 0 ? '-4' : '-6', 'route', 'add', 'default', 'via', gateways[i]!, 'dev', 'eth0');
    }
    return azureResult(gateways, addresses);
  },
};

for (const shape of [aws(4), aws(6), awsWithEgress, azureTransparent, azureBridge])
  describe(`Sluice behind what leaves things as ${shape.what} does`, () => {
    let rig: DatapathRig;
    let node: LabNode;

    before(async () => {
      rig = await startDatapathRig({ args: ['--cni-chaining-target', 'theirs'] });
      node = rig.nodes[0]!;
      for (const name of ['ipv4.ip_forward', 'ipv6.conf.all.forwarding']) node.netns.sysctl(`net.${name}`, 1);
    });
    after(() => rig?.stop());

    const record = ({ containerId }: Sandbox) => {
      const dir = join(node.stateDir, 'endpoints');
      return readdirSync(dir)
        .map((name) => JSON.parse(readFileSync(join(dir, name), 'utf8')).endpoint as Record<string, unknown>)
        .find((one) => one.containerId === containerId);
    };
    const picture = ({ netns }: Sandbox) =>
      [node.netns, netns].map((one) => ['-4', '-6'].map((family) => one.ip(family, 'route', 'show', 'table', 'main')));

    it('attaches to its interface, keeps its addresses, enforces policy on them, and changes nothing else', async () => {
      const pods = ['client', 'server'].map((name, i) => {
        rig.write(podObject(name));
        const pod = { name, namespace: 'default', containerId: `c-${name}`, netns: rig.lab.add(name) };
        const prevResult = shape.setUp(node.netns, pod, i + 5) as PluginOutput;
        const config = { cniVersion: shape.cniVersion, name: 'theirs', type: 'sluice-cni', prevResult };
        return { ...pod, config, addresses: shape.addresses(i + 5) };
      });
      const [client, server] = pods as [(typeof pods)[0], (typeof pods)[0]];
      const [links, routes] = [names(node.netns), pods.map(picture)];
      for (const pod of pods) {
        const { status, output } = await node.call('ADD', pod, pod.config);
        assert.equal(status, 0, JSON.stringify(output));
        // What is said to the next plugin, and to the other one's DEL, is what it said.
        assert.deepEqual(output, { cniVersion: shape.cniVersion, ...pod.config.prevResult });
        const { addresses, chained, hostInterface } = record(pod)!;
        assert.deepEqual(Object.values(addresses as object), pod.addresses);
        assert.equal(chained, true);
        assert.ok(links.includes(hostInterface as string), `${hostInterface}`);
      }
      await enforces(rig, node, client, server);
      for (const pod of pods)
        assert.equal((await node.call('CHECK', pod, { ...pod.config, cniVersion: '0.4.0' })).status, 0);
      assert.deepEqual([names(node.netns), pods.map(picture)], [links, routes]);

      // Once our part is taken away, theirs works on without us; it is called after us.
      for (const pod of pods) assert.equal((await node.call('DEL', pod, pod.config)).status, 0);
      const { hostInterface } = attachmentNames({ containerId: server.containerId, ifname: 'eth0' });
      assert.ok(!names(node.netns).includes(hostInterface));
      assert.deepEqual([names(node.netns), pods.map(picture)], [links, routes]);
      assert.deepEqual(readdirSync(join(node.stateDir, 'endpoints')), []);
      for (const address of client.addresses)
        assert.equal(await new Traffic(server.netns.path).ping(address), 'ok', address);
    });
  });
