import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import {
  LinkRemover,
  type Netlink,
  NetworkNamespace,
  openKernel,
  routeTable,
  sluiceProtocol,
} from '../src/datapath/index.ts';
import { Fault } from '../src/lib/fault.ts';
import { ipJson, LabNetwork, type Netns } from './support/lab-network.ts';

const kernel = await openKernel();
const code = (expected: string) => (error: unknown) => error instanceof Fault && error.code === expected;

describe('netlink, against the kernel', () => {
  let lab: LabNetwork;
  let [node, pod]: Netns[] = [];
  let [nodeDoor, podDoor]: NetworkNamespace[] = [];
  let [inNode, inPod]: Netlink[] = [];

  beforeEach(() => {
    lab = new LabNetwork();
    [node, pod] = [lab.add('node'), lab.add('pod')];
    [nodeDoor, podDoor] = [new NetworkNamespace(kernel, node.path), new NetworkNamespace(kernel, pod.path)];
    [inNode, inPod] = [nodeDoor.netlink(), podDoor.netlink()];
  });
  afterEach(() => {
    for (const open of [inNode, inPod, nodeDoor, podDoor]) open?.close();
    lab.close();
  });

  const veth = () =>
    inNode!.links.add(
      { name: 'slu1', mtu: 1450, mac: '0a:00:00:00:00:01' },
      { kind: 'veth', peer: { name: 'eth0', mtu: 1450, mac: '0a:00:00:00:00:02', namespaceFd: podDoor!.fd } },
    );

  it('makes a veth whose other end is born in the pod, and finds one end from the other', () => {
    const host = veth();
    assert.equal(host.kind, 'veth');
    assert.deepEqual([host.mtu, host.mac, host.isUp], [1450, '0a:00:00:00:00:01', false]);
    const eth0 = inPod!.links.find('eth0');
    assert.deepEqual([eth0?.mtu, eth0?.mac, eth0?.peer], [1450, '0a:00:00:00:00:02', host.index]);
    assert.equal(host.peer, eth0?.index);
    assert.notEqual(eth0?.peerNamespace, undefined);
    assert.deepEqual(
      inNode!.links.list().map(({ name }) => name),
      ['lo', 'slu1'],
    );
    assert.throws(veth, code('NETLINK_EEXIST'));
  });

  it('sets MTU, name, alias, up and no link-local address, as ip shows them', () => {
    const { index } = veth();
    inNode!.links.set(index, { up: true, alias: 'default/a' });
    const eth0 = inPod!.links.find('eth0')!;
    inPod!.links.set(eth0.index, { linkLocal: false });
    inPod!.links.set(eth0.index, { mtu: 1400, up: true });
    const [shown] = ipJson<{ mtu: number; flags: string[]; addr_info: unknown[] }>(pod!, 'address', 'show', 'eth0');
    assert.equal(shown?.mtu, 1400);
    assert.ok(shown?.flags.includes('UP'));
    assert.deepEqual(shown?.addr_info, []);
    assert.match(node!.ip('-details', 'link', 'show', 'slu1'), /alias default\/a/);
    inPod!.links.set(eth0.index, { up: false });
    assert.equal(inPod!.links.find(eth0.index)?.isUp, false);
  });

  it('removes an interface, and says when it was gone', () => {
    const { index } = veth();
    assert.equal(inPod!.links.remove('eth0'), true);
    assert.equal(inNode!.links.find(index), undefined);
    assert.equal(inNode!.links.remove('slu1'), false);
    assert.throws(() => inNode!.links.set(index, { up: true }), code('NETLINK_ENODEV'));
  });

  it('removes many interfaces by a thread of its own, and none but these', async () => {
    const names = Array.from({ length: 70 }, (_, i) => `v${i}`);
    const indexes = names.map(
      (name) =>
        inNode!.links.add({ name }, { kind: 'veth', peer: { name: `${name}p`, namespaceFd: podDoor!.fd } }).index,
    );
    const [kept, gone, ...rest] = indexes as [number, number, ...number[]];
    inNode!.links.remove(gone);
    const remover = nodeDoor!.run(() => new LinkRemover(kernel));
    // Alone, then many, twice the same, one that is gone already.
    await remover.remove(rest.pop()!);
    await Promise.all([...rest, rest[0]!, gone].map((index) => remover.remove(index)));
    assert.deepEqual(
      inNode!.links.list().map(({ index }) => index),
      [1, kept],
    );
    assert.equal(inPod!.links.list().length, 2);
    const last = remover.remove(kept);
    await remover.close();
    await last;
    assert.equal(inNode!.links.find(kept), undefined);
    await assert.rejects(remover.remove(1), code('NETLINK_CLOSED'));
  });

  it('says of an interface that the kernel does not let go why, and removes the others', async () => {
    const { index } = veth();
    const remover = nodeDoor!.run(() => new LinkRemover(kernel));
    // `lo` can be put into a group, and cannot be removed.
    await assert.rejects(remover.remove(1), code('NETLINK_EOPNOTSUPP'));
    await remover.remove(index);
    await remover.close();
    assert.deepEqual(
      inNode!.links.list().map(({ name }) => name),
      ['lo'],
    );
  });

  it('makes a VXLAN device that takes VNI and addresses from each packet', () => {
    const { vxlan } = inNode!.links.add({ name: 'slutun', mtu: 1450, up: true }, { kind: 'vxlan', port: 8472 });
    assert.deepEqual(vxlan, { port: 8472, isExternal: true });
    assert.match(node!.ip('-details', 'link', 'show', 'slutun'), /vxlan external .*dstport 8472 nolearning/);
  });

  it('adds routes and neighbours of both families, in place of what was there, and takes them away', () => {
    const { index } = veth();
    inNode!.links.set(index, { up: true });
    inPod!.links.set(inPod!.links.find('eth0')!.index, { up: true });
    const routes = [
      { destination: '10.1.0.7/32', link: index, scope: 253 },
      { destination: 'fd01::7/128', link: index, metric: 1024 },
      { destination: '10.2.0.0/24', link: index, gateway: '169.254.1.1', onLink: true, mtu: 1400 },
      { destination: 'fd02::/64', link: index, gateway: 'fe80::1', metric: 1024, mtu: 1400, onLink: true },
      { destination: '10.1.0.8/32', type: 'unreachable' as const, link: undefined },
      { destination: '10.3.0.0/16', type: 'blackhole' as const, table: 1000, link: undefined },
    ].map(({ link, ...rest }) => (link === undefined ? rest : { ...rest, link }));
    for (const _ of [1, 2]) for (const route of routes) inNode!.routes.replace(route);
    const ours = () => inNode!.routes.list().filter(({ protocol }) => protocol === sluiceProtocol);
    const whole = routes.map((route) => ({
      ...{ type: 'unicast' as const, table: routeTable.main, protocol: sluiceProtocol, scope: 0, metric: 0 },
      ...route,
    }));
    const sorted = (all: readonly { destination: string }[]) =>
      all.toSorted((a, b) => (a.destination < b.destination ? -1 : 1));
    assert.deepEqual(sorted(ours()), sorted(whole));
    assert.match(node!.ip('route', 'show', '10.2.0.0/24'), /via 169\.254\.1\.1 dev slu1 .*onlink mtu 1400/);
    assert.match(node!.ip('route', 'show', '10.1.0.8'), /^unreachable 10\.1\.0\.8/);
    assert.match(node!.ip('route', 'show', 'table', '1000'), /^blackhole 10\.3\.0\.0\/16/);

    const neighbours = [
      { address: '10.1.0.7', link: index, mac: '0a:00:00:00:00:02' },
      { address: 'fd01::7', link: index, mac: '0a:00:00:00:00:02' },
    ];
    for (const _ of [1, 2]) for (const one of neighbours) inNode!.neighbours.replace(one);
    assert.match(node!.ip('neigh', 'show', '10.1.0.7'), /dev slu1 lladdr 0a:00:00:00:00:02 PERMANENT/);
    assert.deepEqual(inNode!.neighbours.list().filter(({ mac }) => mac === '0a:00:00:00:00:02').length, 2);
    for (const one of neighbours)
      assert.deepEqual(
        [1, 2].map(() => inNode!.neighbours.remove(one)),
        [true, false],
      );
    for (const route of routes)
      assert.deepEqual(
        [1, 2].map(() => inNode!.routes.remove(route)),
        [true, false],
      );
    assert.deepEqual(ours(), []);
  });

  it('adds rules of policy routing, and takes them away', () => {
    for (const family of [4, 6] as const) {
      const rule = { family, priority: 9, table: 2004, mark: 0x200, mask: 0xf00, protocol: sluiceProtocol };
      assert.deepEqual(
        [1, 2].map(() => inNode!.rules.add(rule)),
        [true, false],
      );
      assert.deepEqual(
        inNode!.rules.list().filter((one) => one.priority === 9 && one.family === family),
        [rule],
      );
      assert.deepEqual(
        [1, 2].map(() => inNode!.rules.remove(rule)),
        [true, false],
      );
    }
  });

  it('adds addresses that are usable at once', () => {
    veth();
    const eth0 = inPod!.links.find('eth0')!;
    pod!.sysctl('net.ipv6.conf.eth0.accept_dad', 1);
    inPod!.links.set(eth0.index, { up: true });
    for (const address of ['10.1.0.7', 'fd01::7'])
      assert.deepEqual(
        [1, 2].map(() => inPod!.addresses.addHost(address, eth0.index)),
        [true, false],
      );
    const [shown] = ipJson<{ addr_info: { local: string; prefixlen: number; tentative?: true; scope: string }[] }>(
      pod!,
      ...['address', 'show', 'eth0', 'scope', 'global'],
    );
    assert.deepEqual(
      shown?.addr_info.map(({ local, prefixlen, tentative }) => [local, prefixlen, tentative]),
      [
        ['10.1.0.7', 32, undefined],
        ['fd01::7', 128, undefined],
      ],
    );
  });

  it('leaves the namespace again, also when the work fails', () => {
    const here = readFileSync('/proc/thread-self/net/dev', 'utf8');
    veth();
    assert.match(
      podDoor!.run(() => readFileSync('/proc/thread-self/net/dev', 'utf8')),
      /eth0/,
    );
    assert.throws(() =>
      podDoor!.run(() => {
        throw new Error('no');
      }),
    );
    assert.deepEqual(readFileSync('/proc/thread-self/net/dev', 'utf8').match(/^ *\S+:/gm), here.match(/^ *\S+:/gm));
  });

  it('says of a path that is no network namespace that it is gone', () => {
    assert.throws(() => new NetworkNamespace(kernel, '/run/netns/sluice-none'), code('NETNS_GONE'));
    assert.throws(() => new NetworkNamespace(kernel, '/etc/hostname'), code('NETNS_GONE'));
    // Another kind of namespace: known only on entering.
    const other = new NetworkNamespace(kernel, '/proc/self/ns/mnt');
    assert.throws(() => other.run(() => 1), code('NETNS_ENTER'));
    other.close();
  });
});
