import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { parseObject } from '../../api/index.ts';
import { createTables, setObject } from '../../mesh/inputs.ts';
import { PolicyEngine, type SubjectPolicy } from '../../network/policy/index.ts';
import { Ipcache } from '../../network/routing/index.ts';
import { Store } from '../../store/index.ts';
import { type FollowedNodes, followNodes } from './follow-nodes.ts';

const customNodes = join(
  import.meta.dirname,
  '../../../../shared/inputs/cilium-examples/policies/l3/entities/customnodes.yaml',
);

/** The node `n1`, which is 192.0.2.1, with a pod of namespace `default`, and what it makes of objects. */
class Rig {
  readonly store = new Store({ schedule: () => undefined });
  readonly tables = createTables(this.store);
  readonly engine = new PolicyEngine({ cluster: 'default', enforcement: 'default', allowLocalhost: false });
  readonly ipcache = new Ipcache();
  readonly pod: SubjectPolicy = this.engine.subject(['k8s:env=prod', 'k8s:io.kubernetes.pod.namespace=default'], []);
  readonly feed: FollowedNodes;
  told = 0;

  constructor() {
    const { tables, engine, ipcache } = this;
    this.feed = followNodes({ tables, node: 'n1', engine, ipcache, changed: () => this.told++ });
  }

  set(raw: object): void {
    const { object, diagnostics } = parseObject(raw);
    assert.ok(object !== undefined, JSON.stringify(diagnostics));
    setObject(this.tables, object);
    this.store.flush();
  }
  ciliumNode(name: string, labels: Record<string, string>, ...ips: string[]): void {
    const addresses = ips.map((ip) => ({ type: 'InternalIP', ip }));
    this.set({ apiVersion: 'cilium.io/v2', kind: 'CiliumNode', metadata: { name, labels }, spec: { addresses } });
  }
  node(name: string, labels: Record<string, string>): void {
    this.set({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels } });
  }
  policy(raw: object): void {
    this.set(raw);
    for (const policy of this.tables.CiliumNetworkPolicy.values()) this.engine.setPolicy(policy);
    this.feed.prepare();
  }
  apiServers(...addresses: string[]): void {
    this.set({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'kubernetes', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
      addressType: 'IPv4',
      endpoints: addresses.map((address) => ({ addresses: [address] })),
      ports: [{ name: 'https', port: 6443, protocol: 'TCP' }],
    });
  }

  /** Whom the pod's policies allow: addresses of nodes, networks by their text, else numbers of identities. */
  allowed(wanted: 'ingress' | 'egress'): string[] {
    this.engine.flush();
    const entries = [...this.pod.entries()].filter(({ direction }) => direction === wanted);
    return entries
      .flatMap(({ identity }) => {
        const network = this.engine.cidrs.get(identity)?.prefix.text;
        const nodes = [...this.ipcache.values()].filter((one) => one.identity === identity).map(({ prefix }) => prefix);
        return network !== undefined ? [network] : nodes.length > 0 ? nodes : [`${identity}`];
      })
      .sort();
  }
}

describe('addresses of the API server', () => {
  const rig = new Rig();
  const { ipcache } = rig;

  before(() => {
    rig.policy({
      apiVersion: 'cilium.io/v2',
      kind: 'CiliumNetworkPolicy',
      metadata: { name: 'api', namespace: 'default' },
      spec: { endpointSelector: {}, egress: [{ toEntities: ['kube-apiserver'] }] },
    });
    rig.ciliumNode('n1', {}, '192.0.2.1');
    rig.ciliumNode('n2', {}, '192.0.2.2');
  });
  after(() => rig.feed.close());

  it('on another node: the address has the identity of API servers', () => {
    rig.apiServers('192.0.2.2');
    assert.equal(ipcache.get('192.0.2.2/32')?.identity, 7);
    assert.deepEqual(rig.allowed('egress'), ['192.0.2.2/32']);
    assert.ok(rig.told > 0);
  });

  it('on this node: the host is one', () => {
    rig.apiServers('192.0.2.1');
    assert.equal(ipcache.get('192.0.2.2/32')?.identity, 6);
    assert.equal(ipcache.get('192.0.2.1/32')?.identity, 1);
    assert.deepEqual(rig.allowed('egress'), ['192.0.2.1/32', '7']);
  });

  it('elsewhere: a network', () => {
    rig.apiServers('198.51.100.1');
    assert.deepEqual(rig.allowed('egress'), ['198.51.100.1/32', '7']);
  });

  it('moves with the node', () => {
    rig.ciliumNode('n2', {}, '198.51.100.1');
    assert.equal(ipcache.get('198.51.100.1/32')?.identity, 7);
    assert.deepEqual(rig.allowed('egress'), ['198.51.100.1/32']);
  });
});

describe('labels of nodes', () => {
  const controlPlane = { 'node-role.kubernetes.io/control-plane': '' };
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig();
    rig.ciliumNode('n1', { zone: 'a' }, '192.0.2.1');
    rig.ciliumNode('n2', { ...controlPlane, zone: 'a', host: 'n2' }, '192.0.2.2', '2001:db8::2');
    rig.ciliumNode('n3', { zone: 'b', host: 'n3' }, '192.0.2.3');
    rig.ciliumNode('n4', {}, '192.0.2.4');
  });
  afterEach(() => rig.feed.close());

  const identities = () => ['2', '3', '4'].map((n) => rig.ipcache.get(`192.0.2.${n}/32`)?.identity);
  const fromNodes = (...selectors: object[]) => ({
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumNetworkPolicy',
    metadata: { name: 'nodes', namespace: 'default' },
    spec: { endpointSelector: {}, ingress: [{ fromNodes: selectors }] },
  });

  it('tell nobody apart until a policy asks for them', () => {
    assert.deepEqual(identities(), [6, 6, 6]);
    rig.policy(fromNodes({ matchLabels: { zone: 'a' } }));
    const [second, third, fourth] = identities();
    assert.ok(second! >= 2 ** 25 && third! >= 2 ** 25 && second !== third);
    assert.equal(fourth, 6);
    assert.equal(rig.ipcache.get('2001:db8::2/128')?.identity, second);
    rig.engine.deletePolicy({ group: 'cilium.io', kind: 'CiliumNetworkPolicy', namespace: 'default', name: 'nodes' });
    rig.feed.prepare();
    assert.deepEqual(identities(), [second, third, 6], 'it may still be in force');
    assert.ok(rig.feed.settle());
    assert.deepEqual(identities(), [6, 6, 6]);
    assert.ok(!rig.feed.settle());
  });

  it('select the control plane’s nodes, as Cilium’s documentation has it', () => {
    const raw = load(readFileSync(customNodes, 'utf8')) as { metadata: object };
    rig.policy({ ...raw, metadata: { ...raw.metadata, namespace: 'default' } });
    assert.deepEqual(rig.allowed('ingress'), ['192.0.2.2/32', '2001:db8::2/128']);
    rig.ciliumNode('n3', controlPlane, '192.0.2.3');
    assert.deepEqual(rig.allowed('ingress'), ['192.0.2.2/32', '192.0.2.3/32', '2001:db8::2/128']);
  });

  it('select the own node, too, which is the host whatever its labels are', () => {
    rig.policy(fromNodes({ matchLabels: { zone: 'a' } }));
    assert.equal(rig.ipcache.get('192.0.2.1/32')?.identity, 1);
    assert.deepEqual(rig.allowed('ingress'), ['192.0.2.1/32', '192.0.2.2/32', '2001:db8::2/128']);
    rig.node('n1', { zone: 'b' });
    assert.deepEqual(rig.allowed('ingress'), ['192.0.2.2/32', '2001:db8::2/128']);
  });

  it('are the Node’s, where that can be seen', () => {
    rig.policy(fromNodes({ matchLabels: { zone: 'b' } }));
    assert.deepEqual(rig.allowed('ingress'), ['192.0.2.3/32']);
    rig.node('n4', { zone: 'b' });
    rig.node('n3', { zone: 'c' });
    assert.deepEqual(rig.allowed('ingress'), ['192.0.2.4/32']);
  });

  it('leave nodes what they are for entities', () => {
    rig.apiServers('192.0.2.2');
    rig.policy(fromNodes({ matchExpressions: [{ key: 'zone', operator: 'In', values: ['none'] }] }));
    assert.deepEqual(rig.allowed('ingress'), []);
    const [second, third] = identities();
    assert.deepEqual(rig.engine.identity(second!)?.labels, [
      'node:zone=a',
      'reserved:kube-apiserver',
      'reserved:remote-node',
    ]);
    assert.deepEqual(rig.engine.identity(third!)?.labels, ['node:zone=b', 'reserved:remote-node']);
    assert.notEqual(rig.ipcache.get('2001:db8::2/128')?.identity, second, 'that address is no API server’s');
  });

  it('are all that is looked at of nodes, and addresses', () => {
    const { told } = rig;
    const spec = { addresses: [{ type: 'InternalIP', ip: '192.0.2.4' }], ipam: { podCIDRs: ['10.1.4.0/24'] } };
    rig.set({ apiVersion: 'cilium.io/v2', kind: 'CiliumNode', metadata: { name: 'n4' }, spec });
    assert.equal(rig.told, told);
    rig.ciliumNode('n4', {}, '192.0.2.44');
    assert.equal(rig.told, told + 1);
    rig.ciliumNode('n4', { zone: 'b' }, '192.0.2.44');
    assert.equal(rig.told, told + 2);
    assert.equal(rig.ipcache.get('192.0.2.44/32')?.identity, 6);
  });

  it('are gone with their node', () => {
    rig.policy(fromNodes({ matchLabels: { zone: 'b' } }));
    rig.tables.CiliumNode.delete('n3');
    rig.store.flush();
    assert.equal(rig.ipcache.get('192.0.2.3/32'), undefined);
    assert.deepEqual(rig.allowed('ingress'), []);
  });
});
