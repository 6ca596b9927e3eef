import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { readBtf } from '../../../tools/btf.mjs';
import * as abi from '../../gen/abi.ts';
import type { Layout } from '../../lib/layout.ts';
import { objectDirectory } from './object-directory.ts';

/** All structs of the ABI, as TypeScript has them. */
const layouts = Object.values(abi).filter(
  (value): value is (typeof value & Layout<never>) & { offsets: Record<string, number> } =>
    typeof value === 'object' && 'encode' in value,
);
const objects = globSync('*.bpf.o', { cwd: objectDirectory() });

describe('layouts', () => {
  for (const object of objects) {
    it(`are those that the compiler gave ${basename(object, '.bpf.o')}`, () => {
      const types = readBtf(readFileSync(join(objectDirectory(), object)));
      let compared = 0;
      for (const layout of layouts) {
        const type = types.find(({ kind, name }) => kind === 'struct' && name === layout.name);
        if (type === undefined) continue;
        compared++;
        assert.equal(layout.size, type.size, layout.name);
        const offsets = Object.fromEntries(
          (type.members ?? []).map(({ name, bits }) => [
            name.replaceAll(/_(\w)/g, (_, letter) => letter.toUpperCase()),
            bits / 8,
          ]),
        );
        for (const [field, offset] of Object.entries(layout.offsets))
          assert.equal(offset, offsets[field], `${layout.name}.${field}`);
      }
      assert.ok(compared >= 10, `${compared} structs`);
    });
  }

  it('any bytes are the same after decoding and encoding, but for the padding, which is zero', () => {
    for (const layout of layouts as readonly Layout<unknown>[]) {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: layout.size, maxLength: layout.size }), fc.nat(9), (bytes, at) => {
          const value = layout.decode(new DataView(bytes.buffer, bytes.byteOffset, layout.size));
          // Somewhere in a larger buffer that is not empty: no byte outside is touched, every one inside is written.
          const target = new Uint8Array(layout.size + 20).fill(0xaa);
          layout.encode(value, new DataView(target.buffer), at);
          assert.ok(target.subarray(0, at).every((byte) => byte === 0xaa));
          assert.ok(target.subarray(at + layout.size).every((byte) => byte === 0xaa));
          assert.deepEqual(layout.decode(new DataView(target.buffer), at), value);
          const inside = target.subarray(at, at + layout.size);
          for (const [index, byte] of inside.entries()) assert.ok(byte === bytes[index] || byte === 0, layout.name);
        }),
        { numRuns: 20 },
      );
    }
  });

  it('numbers in network order are plain numbers here', () => {
    const view = new DataView(new ArrayBuffer(abi.policyKey.size));
    abi.policyKey.encode({ prefixlen: 64, identity: 1, direction: 0, protocol: 6, port: 0x1234 }, view);
    assert.equal(view.getUint16(abi.policyKey.offsets.port, false), 0x1234);
    assert.equal(view.getUint32(abi.policyKey.offsets.prefixlen, true), 64);
  });
});
