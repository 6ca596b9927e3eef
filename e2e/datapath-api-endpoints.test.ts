import assert from 'node:assert/strict';
import type { Endpoint } from '../src/agent/rest/models/endpoint.ts';
import { type DatapathRig, type LabNode, type LabPod, startDatapathRig } from './support/datapath-rig.ts';
import type { Program } from './support/program.ts';
import { askNode, type ForeignContainer, foreignContainer } from './support/third-party.ts';
import { until } from './support/until.ts';

const families = ['ipv4', 'ipv6'] as const;

/** Who is `friend` may come in on 8080, whoever that is; the rest is closed. */
const rule = {
  endpointSelector: { matchLabels: { app: 'foreign' } },
  ingress: [
    {
      fromEndpoints: [{ matchLabels: { friend: 'yes' } }],
      toPorts: [{ ports: [{ port: '8080', protocol: 'TCP' }] }],
    },
  ],
};

describe('endpoints that a third party makes through the API', () => {
  let rig: DatapathRig;
  let node: LabNode;
  let [friend, other]: LabPod[] = [];
  let container: ForeignContainer;
  const programs: Program[] = [];

  before(async () => {
    rig = await startDatapathRig();
    node = rig.nodes[0]!;
    friend = await node.addPod('friend', { labels: { friend: 'yes' } });
    other = await node.addPod('other', { labels: { friend: 'no' } });
    await askNode(node, 'PUT', '/policy', '/policy', { body: [rule] });
    programs.push(await other.traffic.serve(7070));
  });
  after(async () => {
    for (const program of programs) await program.stop();
    await rig?.stop();
  });

  const put = (body: unknown, id = '0') => askNode<string>(node, 'PUT', `/endpoint/${id}`, '/endpoint/{id}', { body });
  const remove = (id: string) => askNode(node, 'DELETE', `/endpoint/${id}`, '/endpoint/{id}');
  const patch = (id: string, what: string, body: unknown) =>
    askNode(node, 'PATCH', `/endpoint/${id}${what}`, `/endpoint/{id}${what}`, { body });
  const get = async (id: string) => (await askNode<Endpoint>(node, 'GET', `/endpoint/${id}`, '/endpoint/{id}')).body;
  const addresses = async () =>
    (await askNode<{ ipam: { allocations: Record<string, string> } }>(node, 'GET', '/healthz', '/healthz')).body.ipam
      .allocations;

  it('are refused with the field that is wrong, and leave nothing behind then', async () => {
    container = await foreignContainer(rig.lab, node, 'one');
    const { request } = container;
    const lent = await addresses();
    for (const [change, status, says] of [
      [{ 'interface-name': 'none' }, 400, /^interface-name is none: this node has no such interface/],
      [{ 'interface-name': 'lo' }, 400, /^interface-name is lo: it is a device/],
      [{ 'interface-name': 'eth0' }, 400, /^interface-name is eth0: it is the node's own way out/],
      [{ 'interface-index': 9999 }, 400, /^interface-index is 9999/],
      [{ addressing: { ipv4: friend!.ipv4 } }, 400, /^addressing.ipv4: .* belongs to default\/friend/],
      [{ addressing: { ipv4: '198.51.100.7' } }, 400, /^addressing.ipv4: .* not in a Pod CIDR/],
      [{ addressing: { ipv4: container.ipv4, 'ipv4-expiration-uuid': 'x' } }, 400, /^addressing.ipv4: .* expiration x/],
      [
        { addressing: { ...(request.addressing as object), ipv6: '2001:db8::7', 'ipv6-expiration-uuid': '' } },
        400,
        /^addressing.ipv6: .* not in a Pod CIDR/,
      ],
      [{ addressing: {} }, 400, /^addressing is missing/],
      [{ mac: undefined }, 400, /^mac is missing/],
      [{ 'container-id': friend!.containerId }, 409, /^container-id is .* endpoint \d+/],
      [{ labels: ['reserved:host'] }, 400, /^labels\[0\] is "reserved:host"/],
      [{ labels: ['a=b'], 'k8s-pod-name': 'x', 'k8s-namespace': 'default' }, 400, /^labels are those of its Pod/],
    ] as const) {
      const answer = await put({ ...request, ...change });
      assert.equal(answer.status, status, `${says}`);
      assert.match(answer.body, says);
    }
    assert.equal(lent[container.ipv4], 'one');
    assert.deepEqual(await addresses(), lent, 'they are still lent');
    assert.equal((await askNode<unknown[]>(node, 'GET', '/endpoint', '/endpoint')).body.length, 2);
  });

  it('have traffic both ways, under the policy of their labels', async () => {
    assert.equal((await put({ ...container.request, labels: ['container:app=foreign'] })).status, 201);
    programs.push(await container.traffic.serve(8080, 9090));
    const one = await get(`container-id:${container.id}`);
    assert.deepEqual(one.status.identity?.labels, ['container:app=foreign']);
    assert.equal(one.status.state, 'ready');
    assert.equal((await addresses())[container.ipv4], container.device);
    for (const family of families) {
      assert.equal(await friend!.traffic.tcp(container[family], 8080), 'ok', `in, ${family}`);
      assert.equal(await friend!.traffic.tcp(container[family], 9090, 300), 'timeout', `closed port, ${family}`);
      assert.equal(await other!.traffic.tcp(container[family], 8080, 300), 'timeout', `stranger, ${family}`);
      assert.equal(await container.traffic.tcp(other![family], 7070), 'ok', `out, ${family}`);
      assert.equal(await node.traffic.tcp(container[family], 8080), 'ok', `from the node, ${family}`);
    }
    assert.equal((await put({ ...container.request, 'container-id': 'x' })).status, 409, 'the interface is taken');
  });

  it('get labels from people, which are part of their identity at once, and options of their own', async () => {
    const id = `container-id:${container.id}`;
    assert.equal((await patch(id, '/labels', { user: ['friend=yes'] })).status, 200);
    await until(
      'the new identity',
      async () => (await get(id)).status.identity?.labels.includes('unspec:friend=yes') === true,
    );
    assert.deepEqual((await get(id)).spec['label-configuration'].user, ['unspec:friend=yes']);
    const loop = await foreignContainer(rig.lab, node, 'two');
    assert.equal((await put({ ...loop.request, labels: ['app=foreign'] }, '4711')).status, 201);
    programs.push(await loop.traffic.serve(8080, 9090));
    assert.equal(await container.traffic.tcp(loop.ipv4, 8080), 'ok');
    assert.equal(await container.traffic.tcp(loop.ipv4, 9090, 300), 'timeout');
    assert.equal((await patch('4711', '/config', { options: { PolicyAuditMode: 'Enabled' } })).status, 200);
    assert.equal(await container.traffic.tcp(loop.ipv4, 9090), 'ok', 'told, not enforced');
    assert.equal((await get('4711')).spec.options.PolicyAuditMode, 'Enabled');
    assert.equal(await friend!.traffic.tcp(container.ipv4, 9090, 300), 'timeout', 'of that one alone');
    await patch('4711', '/config', { options: { PolicyAuditMode: 'Disabled' } });
    await patch(id, '/labels', { user: [] });
    await until('the old identity', async () => (await get(id)).status.identity?.labels.length === 1);
    assert.equal(await container.traffic.tcp(loop.ipv4, 8080, 300), 'timeout');
    assert.equal(
      (await patch('4711', '', { state: 'ready', 'container-name': 'loop', labels: ['app=open'] })).status,
      200,
    );
    await until(
      'the label of its maker',
      async () => (await get('container-name:loop')).status.identity?.labels.includes('unspec:app=open') === true,
    );
    assert.equal(await container.traffic.tcp(loop.ipv4, 9090), 'ok', 'no policy selects it');
    assert.equal((await patch('4711', '', { state: 'ready', addressing: { ipv4: '10.1.0.99' } })).status, 400);
  });

  it('are pods where their maker says so, with what their Pods say', async () => {
    rig.write({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'kube', namespace: 'default', labels: { friend: 'yes' } },
      spec: { nodeName: node.name, containers: [{ name: 'app', image: 'app' }] },
    });
    const pod = await foreignContainer(rig.lab, node, 'kube');
    const names = { 'k8s-pod-name': 'kube', 'k8s-namespace': 'default' };
    assert.equal((await put({ ...pod.request, ...names })).status, 201);
    await until('its identity', async () => (await get('pod-name:default:kube')).status.state === 'ready');
    for (const family of families) assert.equal(await pod.traffic.tcp(container[family], 8080), 'ok', family);
    assert.equal((await remove('pod-name:default:kube')).status, 200);
  });

  it('outlive the agent, and CNI’s garbage collection', async () => {
    await node.kill();
    await node.start();
    assert.equal((await get(`container-id:${container.id}`)).status.state, 'ready');
    const { status } = await node.call('GC', friend!, {
      ...{ cniVersion: '1.1.0', name: 'sluice', type: 'sluice-cni' },
      'cni.dev/valid-attachments': [friend!, other!].map(({ containerId }) => ({
        containerID: containerId,
        ifname: 'eth0',
      })),
    });
    assert.equal(status, 0);
    for (const family of families) {
      assert.equal(await friend!.traffic.tcp(container[family], 8080), 'ok', family);
      assert.equal(await other!.traffic.tcp(container[family], 8080, 300), 'timeout', family);
    }
  });

  it('are gone with DELETE, but for their interface, and their addresses are free', async () => {
    const id = `container-id:${container.id}`;
    assert.equal((await remove(id)).status, 200);
    assert.equal((await remove(id)).status, 404);
    assert.equal((await remove(`container-id:${friend!.containerId}`)).status, 400, 'those of the CNI plugin stay');
    assert.match(node.netns.ip('link', 'show', container.device), /state UP/);
    assert.doesNotMatch(node.netns.ip('route'), new RegExp(container.device));
    assert.equal(node.netns.ip('neighbour', 'show', 'nud', 'permanent', 'dev', container.device), '');
    assert.doesNotMatch(node.netns.ip('neighbour', 'show', 'proxy'), new RegExp(container.device));
    assert.equal((await addresses())[container.ipv4], undefined);
    assert.notEqual(await friend!.traffic.tcp(container.ipv4, 8080, 300), 'ok');
  });
});
