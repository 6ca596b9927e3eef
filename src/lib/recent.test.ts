import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Recent } from './recent.ts';
import { none, sole, trimmed } from './sole.ts';

describe('recent values', () => {
  it('are made once while they are remembered, and are never more than the limit', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd')), fc.integer({ min: 1, max: 4 }), (keys, limit) => {
        let made: string[] = [];
        const recent = new Recent<{ readonly of: string }>(limit);
        const remembered = new Map<string, object>();
        for (const key of keys) {
          const before = made.length;
          const value = recent.get(key, () => {
            made = [...made, key];
            return { of: key };
          });
          assert.equal(value.of, key);
          if (made.length === before) assert.equal(value, remembered.get(key));
          else if (remembered.size >= limit) remembered.clear();
          remembered.set(key, value);
          assert.ok(remembered.size <= limit);
        }
      }),
    );
  });
});

describe('shared arrays', () => {
  it('hold what they are asked to, and are one array for one object', () => {
    const one = { name: 'one' };
    assert.deepEqual(sole(one), [one]);
    assert.equal(sole(one), sole(one));
    assert.notEqual(sole(one), sole({ name: 'one' }));
    assert.equal(trimmed([]), none);
    assert.deepEqual(trimmed([one, 2]), [one, 2]);
  });
});
