import assert from 'node:assert/strict';
import { restartDelay } from './restart.ts';

describe('restart delay', () => {
  it('starts at once, then doubles to ten seconds', () => {
    assert.deepEqual([1, 2, 3, 4, 8, 9, 10, 1000].map(restartDelay), [0, 100, 200, 400, 6400, 10_000, 10_000, 10_000]);
  });
});
