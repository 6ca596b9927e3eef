import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import fc from 'fast-check';
import { Fault } from '../../src/lib/fault.ts';
import { families } from './addresses.ts';
import { checkSettings, defaults, nodeNumbers, type Settings } from './settings.ts';

describe('settings of a testbed', () => {
  const refused: [Partial<Settings>, RegExp][] = [
    [{ name: 'Mine' }, /--name Mine/],
    [{ name: '../other' }, /--name/],
    [{ name: 'a'.repeat(33) }, /--name/],
    [{ nodes: 0 }, /--nodes 0/],
    [{ nodes: 10 }, /--nodes 10/],
    [{ subnet: '10.90' }, /--subnet 10\.90/],
    [{ subnet: '10.90.256' }, /--subnet/],
    [{ lbPool: '10.90.200.0' }, /--lb-pool/],
    [{ lbPool: '10.90.200.0/33' }, /--lb-pool/],
    [{ lbPool: '10.90.200.x/24' }, /--lb-pool/],
    [{ apiPort: 65536 }, /--api-port 65536/],
  ];
  for (const [wrong, message] of refused)
    it(`are refused with a hint: ${JSON.stringify(wrong)}`, () => {
      assert.throws(
        () => checkSettings({ ...defaults, ...wrong }),
        (error) => error instanceof Fault && message.test(error.message) && error.hint !== undefined,
      );
    });

  it('give every node an address and a pod CIDR of its own', () => {
    const part = fc.nat(255);
    const settings = fc.record({ nodes: fc.integer({ min: 1, max: 9 }), parts: fc.tuple(part, part, part) });
    fc.assert(
      fc.property(settings, ({ nodes, parts }) => {
        const all = { ...defaults, nodes, subnet: parts.join('.'), ipv6: true };
        checkSettings(all);
        const numbers = nodeNumbers(all);
        assert.equal(numbers.length, nodes);
        assert.equal(families(all).length, 2);
        for (const family of families(all)) {
          const addresses = numbers.map(family.node);
          assert.ok(addresses.every((address) => isIP(address) === family.version));
          assert.equal(new Set([...addresses, family.controlPlane]).size, nodes + 1);
          assert.equal(new Set(numbers.map(family.nodePods)).size, nodes);
        }
      }),
    );
  });
});
