import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { objectDirectory } from '../../src/datapath/maps/index.ts';
import { hooks, objectOf } from '../../src/datapath/programs/index.ts';
import { chosenMaps } from './support/chosen-maps.ts';

describe('calls of helpers', () => {
  for (const hook of hooks)
    it(`of ${hook} name their map: others are indirect, and cost twice as much`, () => {
      assert.deepEqual(chosenMaps(readFileSync(join(objectDirectory(), objectOf(hook)))), []);
    });
});
