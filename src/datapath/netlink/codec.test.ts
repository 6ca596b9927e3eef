import assert from 'node:assert/strict';
import fc from 'fast-check';
import { bitsOf, formatIp } from '../../lib/ip-address.ts';
import { encodeAddress, type InterfaceAddress, parseAddress } from './address.ts';
import { encodeAttributes, parseAttributes } from './attributes.ts';
import { encodeMessage, parseAnswer, parseMessages } from './message.ts';
import { bytes, damaged, neverFails } from './testing/garbage.ts';

const u16 = fc.nat({ max: 0xffff });
const u32 = fc.nat({ max: 0xffffffff });

const message = fc.record(
  // Messages begin at multiples of four.
  { type: u16, flags: u16, sequence: u32, payload: bytes(12).map((all) => all.subarray(0, all.length & ~3)) },
  { noNullPrototype: true },
);

const address: fc.Arbitrary<InterfaceAddress> = fc
  .record({
    family: fc.constantFrom(4 as const, 6 as const),
    value: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
    prefixLength: fc.nat({ max: 32 }),
    link: u32,
    scope: fc.nat({ max: 255 }),
    flags: u32,
    label: fc.option(fc.stringMatching(/^[a-z0-9:]{1,15}$/), { nil: undefined }),
    protocol: fc.nat({ max: 255 }),
  })
  .map(({ family, value, label, ...rest }) => ({
    ...rest,
    address: formatIp({ family, value: value & ((1n << BigInt(bitsOf(family))) - 1n) }),
    ...(label === undefined ? {} : { label }),
  }));

describe('netlink codec', () => {
  it('reads the messages that it writes', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), (all) => {
        assert.deepEqual(parseMessages(Buffer.concat(all.map(encodeMessage))), all);
      }),
    );
  });

  it('reads the attributes that it writes, the last one of each type', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: 0x3fff }), bytes(9))), (all) => {
        assert.deepEqual(parseAttributes(encodeAttributes(all)), new Map(all));
      }),
    );
  });

  it('reads the addresses that it writes', () => {
    fc.assert(fc.property(address, (one) => assert.deepEqual(parseAddress(encodeAddress(one)), one)));
  });

  it('takes an address message as the kernel lays it out', () => {
    // `ip addr add 10.90.200.1/32 dev lo scope link proto 83 label lo:sluice`, as RTM_NEWADDR.
    const expected = [
      '02 20 00 fd 01 00 00 00',
      '08 00 02 00 0a 5a c8 01',
      '08 00 01 00 0a 5a c8 01',
      '0e 00 03 00 6c 6f 3a 73 6c 75 69 63 65 00 00 00',
      '08 00 08 00 00 02 00 00',
      '05 00 0b 00 53 00 00 00',
    ].join(' ');
    const encoded = encodeAddress({
      ...{
        address: '10.90.200.1',
        prefixLength: 32,
        link: 1,
        scope: 253,
        flags: 0x200,
        label: 'lo:sluice',
        protocol: 83,
      },
    });
    assert.equal(encoded.toString('hex'), expected.replaceAll(' ', ''));
  });

  it('understands what the kernel refuses, in its own words', () => {
    const text = Buffer.from('\x13\0\x01\0no such address\0\0');
    const payload = Buffer.concat([Buffer.from('ffffffff', 'hex'), Buffer.alloc(16, 0), text]);
    payload.writeUInt32LE(16, 4);
    const refused = { type: 2, flags: 0x300, sequence: 1, payload };
    assert.deepEqual(parseAnswer(refused), { errno: 1, text: 'no such address' });
    assert.deepEqual(parseAnswer({ ...refused, flags: 0x100 }), { errno: 1 });
    assert.deepEqual(parseAnswer({ ...refused, type: 3, payload: Buffer.alloc(0) }), { errno: 0 });
  });

  it('says of whatever is malformed that it is', () => {
    neverFails(
      parseMessages,
      fc.oneof(bytes(64), damaged(fc.array(message).map((all) => Buffer.concat(all.map(encodeMessage))))),
    );
    neverFails(parseAttributes, fc.oneof(bytes(64), damaged(fc.array(fc.tuple(u16, bytes(9))).map(encodeAttributes))));
    neverFails(parseAddress, fc.oneof(bytes(64), damaged(address.map(encodeAddress))));
    fc.assert(
      fc.property(fc.constantFrom(2, 3), u16, bytes(64), (type, flags, payload) => {
        neverFails(() => parseAnswer({ type, flags, sequence: 1, payload }), fc.constant(Buffer.alloc(0)));
      }),
      { numRuns: 200 },
    );
  });
});
