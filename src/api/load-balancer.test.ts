import assert from 'node:assert/strict';
import { parseObject } from './parse.ts';
import { accepted, changed, refusals } from './testing/expect.ts';

const pool = {
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumLoadBalancerIPPool',
  metadata: { name: 'blue' },
  spec: { blocks: [{ cidr: '10.0.10.0/24' }, { start: '2001:db8::10', stop: '2001:db8::1f' }] },
};
const old = {
  apiVersion: 'cilium.io/v2alpha1',
  kind: 'CiliumBGPLoadBalancerIPPool',
  metadata: { name: 'old' },
  spec: { prefix: '10.0.10.0/24', default: true },
};

describe('CiliumLoadBalancerIPPool', () => {
  it('gives every address to every Service, unless it says otherwise', () => {
    const { spec } = accepted('CiliumLoadBalancerIPPool', pool);
    assert.deepEqual(spec, { blocks: pool.spec.blocks, disabled: false, allowFirstLastIPs: true });
  });

  it('reads the form of 1.13, and a range of one address', () => {
    const raw = changed(
      pool,
      ['apiVersion', 'cilium.io/v2alpha1'],
      ['spec', { cidrs: [{ cidr: '10.0.0.0/8' }], blocks: [{ start: '10.0.0.1' }], allowFirstLastIPs: 'No' }],
    );
    const { spec } = accepted('CiliumLoadBalancerIPPool', raw);
    assert.deepEqual(spec.blocks, [{ start: '10.0.0.1', stop: '10.0.0.1' }, { cidr: '10.0.0.0/8' }]);
    assert.equal(spec.allowFirstLastIPs, false);
  });

  it('says that it is empty', () => {
    const { object, diagnostics } = parseObject(changed(pool, ['spec', {}]));
    assert.ok(object);
    assert.deepEqual(
      diagnostics.map(({ severity, field }) => [severity, field]),
      [['warning', 'spec.blocks']],
    );
  });

  refusals(pool, [
    ['a network without a length', [['spec.blocks.0.cidr', '10.0.0.1']], 'spec.blocks[0].cidr', 'InvalidValue'],
    ['a range backwards', [['spec.blocks.1.stop', '2001:db8::1']], 'spec.blocks[1].stop', 'InvalidValue', /before/],
    ['a range across families', [['spec.blocks.1.stop', '10.0.0.1']], 'spec.blocks[1].stop', 'InvalidValue', /family/],
    ['a network that is a range too', [['spec.blocks.0.start', '10.0.0.1']], 'spec.blocks[0]', 'InvalidValue'],
    ['an empty block', [['spec.blocks.0', {}]], 'spec.blocks[0].cidr', 'MissingField'],
    ['a range without its start', [['spec.blocks.1.start', undefined]], 'spec.blocks[1].start', 'MissingField'],
    ['a misspelt field', [['spec.selector', {}]], 'spec.selector', 'UnknownField', /serviceSelector/],
    ['a switch that is neither', [['spec.allowFirstLastIPs', 'Maybe']], 'spec.allowFirstLastIPs', 'InvalidValue'],
  ]);
});

describe('CiliumBGPLoadBalancerIPPool', () => {
  it('is read as Cilium 1.12 has it', () => {
    const selector = { matchLabels: { a: 'b' }, matchExpressions: [] };
    const raw = changed(
      old,
      ['spec.lbSelector', selector],
      ['spec.nodeSelector', selector],
      ['spec.default', undefined],
    );
    const { spec } = accepted('CiliumBGPLoadBalancerIPPool', raw);
    assert.deepEqual(spec, { prefix: '10.0.10.0/24', default: false, lbSelector: selector, nodeSelector: selector });
  });

  it('says that no Service can have an address', () => {
    const { object, diagnostics } = parseObject(changed(old, ['spec.default', undefined]));
    assert.ok(object);
    assert.deepEqual(
      diagnostics.map(({ severity }) => severity),
      ['warning'],
    );
  });

  refusals(old, [['a prefix that is none', [['spec.prefix', 'all']], 'spec.prefix', 'InvalidValue', /network/]]);
});
