import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { objectDirectory } from '../../src/datapath/maps/index.ts';
import { hooks, objectOf } from '../../src/datapath/programs/index.ts';
import { deepestChain, stackFrames } from './support/stack-depth.ts';

/** MAX_BPF_STACK, for a whole chain of calls. Newer kernels give each function as much, so a program that loads here may not on 6.1. */
const most = 512;

describe('stack', () => {
  for (const hook of hooks) {
    it(`of ${hook} is no deeper than the oldest kernel allows`, () => {
      const frames = stackFrames(readFileSync(join(objectDirectory(), objectOf(hook))));
      const program = frames.get(hook);
      assert.ok(program && frames.size > 5, 'the object was read');
      const { bytes, chain } = deepestChain(program);
      assert.ok(chain.length >= 3, chain.join(' -> '));
      assert.ok(bytes <= most, `${bytes} bytes: ${chain.join(' -> ')}`);
    });
  }
});
