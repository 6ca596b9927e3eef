import assert from 'node:assert/strict';
import fc from 'fast-check';
import { scopedSelector, subjectSelector } from './cilium-peers.ts';
import { indexLabels, type Requirement, selects } from './selector.ts';
import { CLUSTER, pod } from './testing/objects.ts';

const requirement: fc.Arbitrary<Requirement> = fc.record({
  source: fc.constantFrom('any', 'k8s', 'reserved', 'cidr', 'node', 'unspec'),
  key: fc.constantFrom(
    'app',
    'init',
    'host',
    'io.kubernetes.pod.namespace',
    'io.cilium.k8s.namespace.labels.team',
    'io.cilium.k8s.policy.cluster',
  ),
  operator: fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist'),
  values: fc.constantFrom(['shop'], ['bank'], ['bank', 'shop'], ['web'], ['a'], ['']),
});

const shop = indexLabels(pod('shop', { app: 'web' }, { team: 'a' }));
const bank = indexLabels(pod('bank', { app: 'web' }, { team: 'a' }));
const init = indexLabels(['reserved:init']);
const others = [['reserved:host'], ['reserved:remote-node'], ['cidr:10.0.0.0/8', 'reserved:world']].map(indexLabels);

describe('whom a policy is about', () => {
  const selected = (...selector: Requirement[]) => subjectSelector(selector, { cluster: CLUSTER, namespace: 'bank' });

  it("is never another namespace's pod, whatever the selector is", () => {
    fc.assert(
      fc.property(fc.array(requirement, { maxLength: 4 }), (selector) => {
        const found = selected(...selector);
        for (const labels of [shop, ...others]) assert.ok(!selects(found, labels), JSON.stringify(found));
        const means = selector.some(
          ({ source, key, operator }) => source === 'reserved' && key === 'init' && /^(?:In|Exists)$/.test(operator),
        );
        if (!means) assert.ok(!selects(found, init));
      }),
      { numRuns: 2000 },
    );
  });

  it('is the own pods, and those whose labels are not known yet where it says so', () => {
    assert.ok(selects(selected(), bank));
    assert.ok(selects(selected({ source: 'reserved', key: 'init', operator: 'DoesNotExist', values: [] }), bank));
    assert.ok(selects(selected({ source: 'reserved', key: 'init', operator: 'Exists', values: [] }), init));
    assert.ok(selects(selected({ source: 'reserved', key: 'init', operator: 'In', values: [''] }), init));
  });
});

describe('the other side, of a selector that says which reserved labels must not be', () => {
  const notHost: Requirement = { source: 'reserved', key: 'host', operator: 'DoesNotExist', values: [] };
  const scope = { cluster: CLUSTER, namespace: 'bank' };

  it('is of the own namespace where it is allowed, and anybody else where it is denied', () => {
    const allowed = scopedSelector([notHost], scope, 'allow');
    const denied = scopedSelector([notHost], scope, 'deny');
    const [host, ...rest] = others;
    assert.ok(selects(allowed, bank) && selects(denied, bank));
    for (const labels of [shop, init, ...rest]) assert.ok(!selects(allowed, labels) && selects(denied, labels));
    assert.ok(!selects(allowed, host!) && !selects(denied, host!));
  });

  it('is whom it names where it also says which must be', () => {
    const server: Requirement = { source: 'reserved', key: 'world', operator: 'Exists', values: [] };
    assert.ok(selects(scopedSelector([notHost, server], scope, 'allow'), others[2]!));
  });
});
