import assert from 'node:assert/strict';
import { parseObject } from '../../api/index.ts';
import { createTables, setObject } from '../../mesh/inputs.ts';
import { PolicyEngine } from '../../network/policy/index.ts';
import { Store } from '../../store/index.ts';
import { feedPolicies } from './policy-feed.ts';

describe('what the policy engine is told of objects', () => {
  const store = new Store({ schedule: () => undefined });
  const tables = createTables(store);
  const engine = new PolicyEngine({ cluster: 'default', enforcement: 'default', allowLocalhost: false });
  const feed = feedPolicies(tables, engine, () => undefined);
  const pod = engine.subject(['k8s:app=a', 'k8s:io.kubernetes.pod.namespace=default'], []);
  after(() => feed.close());

  const set = (raw: object) => {
    const { object, diagnostics } = parseObject(raw);
    assert.ok(object !== undefined, JSON.stringify(diagnostics));
    setObject(tables, object);
    store.flush();
    engine.flush();
  };
  const identity = (id: number, labels: object) =>
    set({ apiVersion: 'cilium.io/v2', kind: 'CiliumIdentity', metadata: { name: `${id}` }, 'security-labels': labels });

  it('is no other meaning of a reserved number', () => {
    identity(300, { 'k8s:app': 'b' });
    assert.deepEqual(engine.identity(300)?.labels, ['k8s:app=b']);
    for (const id of [1, 2, 200]) identity(id, { 'k8s:app': 'b' });
    assert.deepEqual(engine.identity(1)?.labels, ['reserved:host']);
    assert.equal(engine.identity(200), undefined);
    tables.CiliumIdentity.delete('1');
    tables.CiliumIdentity.delete('300');
    store.flush();
    engine.flush();
    assert.deepEqual(engine.identity(1)?.labels, ['reserved:host']);
    assert.equal(engine.identity(300), undefined);
  });

  it('is what a Service lost as well as what another one got, where an EndpointSlice changes hands', () => {
    for (const name of ['first', 'second'])
      set({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace: 'default' },
        spec: { ports: [{ port: 80 }] },
      });
    set({
      apiVersion: 'cilium.io/v2',
      kind: 'CiliumNetworkPolicy',
      metadata: { name: 'services', namespace: 'default' },
      spec: { endpointSelector: {}, egress: [{ toServices: [{ k8sService: { serviceName: 'first' } }] }] },
    });
    const slice = (service: string) =>
      set({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 's', namespace: 'default', labels: { 'kubernetes.io/service-name': service } },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['192.0.2.9'] }],
        ports: [],
      });
    const allowed = () => [...pod.entries()].flatMap(({ identity: id }) => engine.cidrs.get(id)?.prefix.text ?? []);
    slice('first');
    assert.deepEqual(allowed(), ['192.0.2.9/32']);
    slice('second');
    assert.deepEqual(allowed(), []);
  });
});
