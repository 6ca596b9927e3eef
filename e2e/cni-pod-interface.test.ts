import assert from 'node:assert/strict';
import {
  adoptPodInterface,
  attachmentNames,
  checkAdoptedInterface,
  checkPodInterface,
  makePodInterface,
} from '../src/cni/index.ts';
import { type Netlink, NetworkNamespace, openKernel } from '../src/datapath/index.ts';
import { ipJson, LabNetwork, type Netns } from './support/lab-network.ts';
import { Traffic } from './support/traffic.ts';

const kernel = await openKernel();

describe('the interface of a pod', () => {
  let lab: LabNetwork;
  let netns: Netns[] = [];
  let doors: NetworkNamespace[] = [];
  let node: Netlink;
  const [inNode, inPod, inOther] = [() => netns[0]!, () => netns[1]!, () => netns[2]!];

  beforeEach(() => {
    lab = new LabNetwork();
    netns = ['node', 'a', 'b'].map((name) => lab.add(name));
    // As runtimes make them.
    for (const pod of [inPod(), inOther()]) pod.ip('link', 'set', 'lo', 'down');
    doors = netns.map(({ path }) => new NetworkNamespace(kernel, path));
    node = doors[0]!.netlink();
    for (const name of ['ipv4.ip_forward', 'ipv6.conf.all.forwarding']) inNode().sysctl(`net.${name}`, 1);
  });
  afterEach(() => {
    node.close();
    for (const door of doors) door.close();
    lab.close();
  });

  const spec = (containerId: string, ...addresses: string[]) => ({ containerId, ifname: 'eth0', mtu: 1450, addresses });
  const first = spec('c1', '10.1.0.7', 'fd01::7');
  const second = spec('c2', '10.1.0.8', 'fd01::8');

  it('reaches other pods of the node, in both families, without asking anybody for a MAC address', async () => {
    await makePodInterface(node, doors[1]!, first);
    await makePodInterface(node, doors[2]!, second);
    for (const address of ['10.1.0.8', 'fd01::8']) assert.equal(await new Traffic(inPod().path).ping(address), 'ok');
    for (const address of ['10.1.0.7', 'fd01::7', '127.0.0.1', '::1'])
      assert.equal(await new Traffic(inOther().path).ping(address), 'ok');
    const states = ipJson<{ state: string[] }>(inPod(), 'neigh', 'show').flatMap(({ state }) => state);
    assert.deepEqual([...new Set(states)], ['PERMANENT']);
  });

  it('is nowhere to be reached before programs are attached to it', async () => {
    let before: string[] | undefined;
    const made = await makePodInterface(node, doors[1]!, first, async ({ hostInterface }) => {
      before = ipJson<{ flags: string[] }>(inNode(), 'link', 'show', hostInterface)[0]?.flags;
      assert.equal(inNode().ip('route', 'show', '10.1.0.7'), '');
    });
    assert.equal(before?.includes('UP'), false);
    assert.deepEqual(checkPodInterface(node, doors[1]!, made), []);
  });

  it('made again is the same one', async () => {
    const made = await makePodInterface(node, doors[1]!, first);
    assert.deepEqual(await makePodInterface(node, doors[1]!, first), made);
    assert.deepEqual(checkPodInterface(node, doors[1]!, made), []);
  });

  it('takes the place of what another call left, with another MTU, in another namespace', async () => {
    const made = await makePodInterface(node, doors[1]!, first);
    const smaller = await makePodInterface(node, doors[1]!, { ...first, mtu: 1400 });
    assert.equal(ipJson<{ mtu: number }>(inPod(), 'link', 'show', 'eth0')[0]?.mtu, 1400);
    assert.notEqual(smaller.hostIndex, made.hostIndex);
    await makePodInterface(node, doors[2]!, first);
    assert.deepEqual(
      ipJson<{ ifname: string }>(inPod(), 'link', 'show').map(({ ifname }) => ifname),
      ['lo'],
    );
  });

  it('leaves nothing behind when it cannot be made', async () => {
    const failing = makePodInterface(node, doors[1]!, first, () => Promise.reject(new Error('no program')));
    await assert.rejects(failing, /no program/);
    // The name is taken in the pod.
    inOther().ip('link', 'add', 'eth0', 'type', 'bridge');
    await assert.rejects(makePodInterface(node, doors[2]!, second), { code: 'NETLINK_EEXIST' });
    for (const one of [inNode(), inPod()])
      assert.deepEqual(
        ipJson<{ ifname: string }>(one, 'link', 'show').map(({ ifname }) => ifname),
        ['lo'],
      );
    assert.equal(inNode().ip('route', 'show'), '');
  });

  it('is not made in the namespace of the node itself', async () => {
    const own = new NetworkNamespace(kernel, '/proc/self/ns/net');
    try {
      const ownLinks = { ...first, ifname: `slt${process.pid}` };
      await assert.rejects(makePodInterface(node, own, ownLinks), { code: 'NETNS_OWN' });
    } finally {
      own.close();
    }
    assert.deepEqual(doors[1]!.isOwn, false);
  });

  it('has IPv6 also where the runtime has switched it off', async () => {
    for (const which of ['all', 'default']) inPod().sysctl(`net.ipv6.conf.${which}.disable_ipv6`, 1);
    await makePodInterface(node, doors[1]!, first);
    await makePodInterface(node, doors[2]!, second);
    assert.equal(await new Traffic(inPod().path).ping('fd01::8'), 'ok');
  });

  it('is checked: each thing that somebody changed is named', async () => {
    const made = await makePodInterface(node, doors[1]!, first);
    const check = () => checkPodInterface(node, doors[1]!, made);
    inPod().ip('address', 'del', '10.1.0.7/32', 'dev', 'eth0');
    assert.match(check().join('; '), /eth0 lacks the address 10\.1\.0\.7/);
    inPod().ip('-6', 'route', 'del', 'default');
    assert.match(check().join('; '), /no route ::\/0 via fe80::1 in the pod/);
    inPod().ip('neigh', 'del', 'fe80::1', 'dev', 'eth0');
    assert.match(check().join('; '), /the pod's neighbour fe80::1 is not/);
    inPod().ip('link', 'set', 'lo', 'down');
    assert.match(check().join('; '), /lo is down in the pod/);
    inNode().ip('neigh', 'del', 'fd01::7', 'dev', made.hostInterface);
    assert.match(check().join('; '), /the node's neighbour fd01::7 is not/);
    inNode().ip('route', 'del', '10.1.0.7/32');
    assert.match(check().join('; '), /no route 10\.1\.0\.7\/32 to slu/);
    inNode().ip('link', 'set', made.hostInterface, 'down');
    assert.match(check().join('; '), /slu[0-9a-f]+ is down/);
    // Making it again mends all of it.
    await makePodInterface(node, doors[1]!, first);
    assert.deepEqual(check(), []);
    inPod().ip('link', 'del', 'eth0');
    assert.match(check().join('; '), /no interface eth0 in the pod; .*no interface slu[0-9a-f]+ on the node/);
  });

  it('of another plugin is taken as it is, with its addresses', () => {
    inNode().ip('link', 'add', 'eni1', 'type', 'veth', 'peer', 'name', 'eth0');
    inNode().ip('link', 'set', 'eth0', 'netns', inPod().name);
    inPod().ip('address', 'add', '10.9.0.3/24', 'dev', 'eth0');
    inPod().ip('link', 'set', 'eth0', 'up');
    inNode().ip('link', 'set', 'eni1', 'up');
    const before = inPod().ip('address', 'show', 'eth0');
    const attachment = { containerId: 'c1', ifname: 'eth0' };
    const sandbox = doors[1]!.path;
    const prevResult = {
      interfaces: [{ name: 'eni1' }, { name: 'eth0', sandbox }],
      ips: [
        { address: '10.9.0.3/24', interface: 1 },
        { address: '10.9.0.1/24', interface: 0 },
      ],
      routes: [],
    };
    const adopted = adoptPodInterface(node, doors[1]!, attachment, prevResult);
    assert.equal(adopted.hostInterface, 'eni1');
    assert.deepEqual(adopted.addresses, ['10.9.0.3']);
    assert.deepEqual(adoptPodInterface(node, doors[1]!, attachment, { ...prevResult, ips: [] }).addresses, [
      '10.9.0.3',
    ]);
    assert.equal(inPod().ip('address', 'show', 'eth0'), before);
    assert.deepEqual(checkAdoptedInterface(node, doors[1]!, adopted), []);
    inPod().ip('address', 'del', '10.9.0.3/24', 'dev', 'eth0');
    assert.match(checkAdoptedInterface(node, doors[1]!, adopted).join(), /lacks the address 10\.9\.0\.3/);
    inNode().ip('link', 'set', 'eni1', 'down');
    assert.match(checkAdoptedInterface(node, doors[1]!, adopted).join(), /eni1 is down/);
    inNode().ip('link', 'del', 'eni1');
    assert.match(checkAdoptedInterface(node, doors[1]!, adopted).join(), /eni1 is gone from the node/);
  });

  it('that has no end on the node cannot be chained to', () => {
    const none = { interfaces: [], ips: [], routes: [] };
    const adopt = () => adoptPodInterface(node, doors[1]!, { containerId: 'c1', ifname: 'eth0' }, none);
    assert.throws(adopt, { name: 'CniError', code: 7, message: /eth0: the plugin before/ });
    inPod().ip('link', 'add', 'eth0', 'type', 'bridge');
    assert.throws(adopt, { name: 'CniError', code: 7, message: /it is bridge without an end on the node/ });
    // Its other end is somewhere else, and the node has another interface with that index.
    inPod().ip('link', 'del', 'eth0');
    inPod().ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth1');
    assert.throws(adopt, { name: 'CniError', code: 7, message: /chaining needs a veth/ });
  });

  it('is found by its names, which come from the container alone', async () => {
    const { hostInterface } = await makePodInterface(node, doors[1]!, { ...first, alias: 'default/web' });
    assert.equal(hostInterface, attachmentNames(first).hostInterface);
    assert.match(inNode().ip('link', 'show', hostInterface), /alias default\/web/);
  });
});
