import assert from 'node:assert/strict';
import { parseObject } from '../api/index.ts';
import { createTables, setObject } from '../mesh/inputs.ts';
import { Store } from '../store/index.ts';
import { derivePolicyLimits, policyLimits } from './policy-limits.ts';

const limitsOf = (...specs: object[]): (string | undefined)[] => {
  const raw = { apiVersion: 'cilium.io/v2', kind: 'CiliumNetworkPolicy', metadata: { name: 'p' }, specs };
  const { object, diagnostics } = parseObject(raw);
  assert.deepEqual(diagnostics, []);
  assert.ok(object?.kind === 'CiliumNetworkPolicy');
  return policyLimits(object).map(({ field }) => field);
};
const tcp = [{ port: '80', protocol: 'TCP' }];

describe('limits of policies', () => {
  it('are none where L3 and L4 will do', () => {
    const plain = { fromEndpoints: [{}], toPorts: [{ ports: tcp }] };
    assert.deepEqual(limitsOf({ endpointSelector: {}, ingress: [plain], egress: [{}] }), []);
  });

  it('are all that only a proxy could allow, at its place', () => {
    const envoyConfig = { kind: 'CiliumEnvoyConfig', name: 'c' };
    const toPorts = [
      { ports: tcp },
      { ports: tcp, rules: { http: [] } },
      { ports: tcp, listener: { name: 'l', envoyConfig } },
      { ports: tcp, serverNames: ['a.b'] },
      { ports: tcp, originatingTLS: { secret: { name: 's' } } },
    ];
    const first = { endpointSelector: {}, ingress: [{ toPorts: [{ ports: tcp, rules: { kafka: [] } }] }] };
    const second = { endpointSelector: {}, egress: [{}, { toPorts }, { toFQDNs: [{ matchName: 'a.b' }] }] };
    assert.deepEqual(limitsOf(first, second), [
      'specs[0].ingress[0].toPorts[0].rules',
      'specs[1].egress[1].toPorts[1].rules',
      'specs[1].egress[1].toPorts[2].listener',
      'specs[1].egress[1].toPorts[3].serverNames',
      'specs[1].egress[1].toPorts[4].originatingTLS',
      'specs[1].egress[2].toFQDNs',
    ]);
  });

  it('are told of every policy that there is, as long as it is', () => {
    const store = new Store({ schedule: () => {} });
    const tables = createTables(store);
    const derived = derivePolicyLimits(store, tables);
    const told = () => {
      store.flush();
      return derived
        .flatMap((each) => [...each.values()].flat())
        .map(({ severity, reason, object, field }) => `${severity} ${reason} ${object?.kind} ${object?.name} ${field}`);
    };
    const rules = { ports: tcp, rules: { http: [] } };
    for (const [kind, spec] of [
      ['CiliumNetworkPolicy', { endpointSelector: {}, egress: [{ toFQDNs: [{ matchName: 'a.b' }] }] }],
      ['CiliumClusterwideNetworkPolicy', { endpointSelector: {}, ingress: [{ toPorts: [rules] }] }],
    ] as const) {
      const { object } = parseObject({ apiVersion: 'cilium.io/v2', kind, metadata: { name: 'p' }, spec });
      setObject(tables, object!);
    }
    assert.deepEqual(told(), [
      'warning Unsupported CiliumNetworkPolicy p spec.egress[0].toFQDNs',
      'error L7ProxyDisabled CiliumClusterwideNetworkPolicy p spec.ingress[0].toPorts[0].rules',
    ]);
    tables.CiliumClusterwideNetworkPolicy.delete('p');
    assert.equal(told().length, 1);
  });
});
