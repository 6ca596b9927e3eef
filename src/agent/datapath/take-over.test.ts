import assert from 'node:assert/strict';
import { ownersGone } from './take-over.ts';
import { endpoint } from './testing/kernel-world.ts';

describe('taking over', () => {
  it('leaves a pod its address where there is an old record of its attachment, too', () => {
    const old = { ...endpoint(1, 0), state: 'disconnecting' as const };
    const gone = { ...endpoint(2, 0), state: 'disconnecting' as const };
    assert.deepEqual(ownersGone(['c1/eth0', 'c3/eth0'], [old, gone]), ['c2/eth0']);
  });
});
