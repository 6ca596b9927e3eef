import assert from 'node:assert/strict';
import { parseObject } from '../../api/index.ts';
import { createTables, setObject } from '../../mesh/inputs.ts';
import { PolicyEngine, type PolicyEntry } from '../../network/policy/index.ts';
import { Ipcache } from '../../network/routing/index.ts';
import { Store } from '../../store/index.ts';
import { followApiServer } from './api-server-peers.ts';

describe('addresses of the API server', () => {
  const store = new Store({ schedule: () => undefined });
  const tables = createTables(store);
  const set = (raw: object) => {
    const { object, diagnostics } = parseObject(raw);
    assert.ok(object !== undefined, JSON.stringify(diagnostics));
    setObject(tables, object);
    store.flush();
  };
  const node = (name: string, ip: string) =>
    set({
      apiVersion: 'cilium.io/v2',
      kind: 'CiliumNode',
      metadata: { name },
      spec: { addresses: [{ type: 'InternalIP', ip }] },
    });
  const endpoints = (...addresses: string[]) =>
    set({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'kubernetes', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
      addressType: 'IPv4',
      endpoints: addresses.map((address) => ({ addresses: [address] })),
      ports: [{ name: 'https', port: 6443, protocol: 'TCP' }],
    });
  const engine = new PolicyEngine({ cluster: 'default', enforcement: 'default', allowLocalhost: false });
  const ipcache = new Ipcache();
  let told = 0;
  const feed = followApiServer({ tables, node: 'n1', engine, ipcache, changed: () => told++ });
  const subject = engine.subject(['k8s:app=a', 'k8s:io.kubernetes.pod.namespace=default'], []);

  before(() => {
    set({
      apiVersion: 'cilium.io/v2',
      kind: 'CiliumNetworkPolicy',
      metadata: { name: 'api', namespace: 'default' },
      spec: { endpointSelector: {}, egress: [{ toEntities: ['kube-apiserver'] }] },
    });
    for (const policy of tables.CiliumNetworkPolicy.values()) engine.setPolicy(policy);
    node('n1', '192.0.2.1');
    node('n2', '192.0.2.2');
  });
  after(() => feed.close());

  /** Whom the policy allows: identities, networks by their text. */
  const allowed = () => {
    engine.flush();
    const egress = [...subject.entries()].filter(({ direction }: PolicyEntry) => direction === 'egress');
    return egress.map(({ identity }) => engine.cidrs.get(identity)?.prefix.text ?? identity).sort();
  };

  it('on another node: the address has the identity of API servers', () => {
    endpoints('192.0.2.2');
    assert.equal(ipcache.get('192.0.2.2/32')?.identity, 7);
    assert.deepEqual(allowed(), [7]);
    assert.ok(told > 0);
  });

  it('on this node: the host is one', () => {
    endpoints('192.0.2.1');
    assert.equal(ipcache.get('192.0.2.2/32'), undefined);
    assert.deepEqual(allowed(), [1, 7]);
  });

  it('elsewhere: a network', () => {
    endpoints('198.51.100.1');
    assert.deepEqual(allowed(), ['198.51.100.1/32', 7].sort());
  });

  it('moves with the node', () => {
    node('n2', '198.51.100.1');
    assert.equal(ipcache.get('198.51.100.1/32')?.identity, 7);
    assert.deepEqual(allowed(), [7]);
  });
});
