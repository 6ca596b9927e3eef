import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Fault } from '../../../lib/fault.ts';

export const bytes = (max: number) => fc.uint8Array({ maxLength: max }).map((array) => Buffer.from(array));

/** Whatever it is given, a parser answers or says what is wrong with a Fault. */
export function neverFails(parse: (bytes: Buffer) => unknown, input: fc.Arbitrary<Buffer>): void {
  fc.assert(
    fc.property(input, (garbage) => {
      try {
        parse(garbage);
      } catch (error) {
        assert.ok(error instanceof Fault, String(error));
        assert.equal(error.code, 'NETLINK_MALFORMED');
      }
    }),
    { numRuns: 2000 },
  );
}

/** Good bytes, some of which were changed, with an end that may be cut off. */
export const damaged = (good: fc.Arbitrary<Buffer>) =>
  fc
    .tuple(good, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }), fc.nat())
    .map(([whole, changes, cut]) => {
      const copy = Buffer.from(whole);
      for (const [at, value] of changes) if (copy.length > 0) copy[at % copy.length] = value;
      return copy.subarray(0, cut % 3 === 0 ? cut % (copy.length + 1) : copy.length);
    });
