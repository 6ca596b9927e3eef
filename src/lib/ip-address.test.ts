import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import fc from 'fast-check';
import { contains, formatIp, parseCidr, parseIp } from './ip-address.ts';

const address = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((value) => ({ family: 4 as const, value })),
  fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((value) => ({ family: 6 as const, value })),
  // Runs of zeros, which random numbers hardly have.
  fc
    .array(fc.constantFrom(0, 0, 0, 1, 0xabcd), { minLength: 8, maxLength: 8 })
    .map((parts) => ({ family: 6 as const, value: parts.reduce((sum, part) => (sum << 16n) | BigInt(part), 0n) })),
);

describe('IP addresses', () => {
  it('are written as the platform writes them, and read back', () => {
    fc.assert(
      fc.property(address, (one) => {
        const text = formatIp(one);
        assert.equal(isIP(text), one.family);
        assert.deepEqual(parseIp(text), one);
        if (one.family === 6) assert.equal(`[${text}]`, new URL(`http://[${text}]/`).hostname);
      }),
    );
  });

  it('are read in every form', () => {
    assert.equal(formatIp(parseIp('2001:DB8:0:0:1::0')!), '2001:db8:0:0:1::');
    assert.equal(formatIp(parseIp('::ffff:10.1.2.3')!), '::ffff:a01:203');
    for (const wrong of ['', '1.2.3', '1.2.3.256', 'fe80::1%eth0', '::1::', '10.0.0.0/8', 'a'])
      assert.equal(parseIp(wrong), undefined, wrong);
  });

  it('never make parsers throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.ipV4Extended(), fc.ipV6(), fc.webAuthority()), (text) => {
        parseIp(text);
        parseCidr(text);
        parseCidr(`${text}/64`);
      }),
    );
  });
});

describe('networks', () => {
  it('hold their addresses, and as many as their prefix says', () => {
    fc.assert(
      fc.property(address, fc.nat({ max: 128 }), (one, length) => {
        const bits = one.family === 4 ? 32 : 128;
        const range = parseCidr(`${formatIp(one)}/${length}`);
        if (length > bits) return assert.equal(range, undefined);
        assert.ok(range);
        assert.ok(contains(range, one));
        assert.equal(range.last - range.first + 1n, 1n << BigInt(bits - length));
        assert.ok(!contains(range, { family: one.family, value: range.last + 1n }));
      }),
    );
  });

  it('need a prefix length', () => {
    for (const wrong of ['10.0.0.1', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/8/8', '::/129', '/8'])
      assert.equal(parseCidr(wrong), undefined, wrong);
  });
});
