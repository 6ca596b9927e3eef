import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EndpointIds } from './endpoint-ids.ts';

describe('ids of endpoints', () => {
  it('are never two endpoints’ at once, whatever is taken, given back and restored', () => {
    const step = fc.oneof(
      fc.constant({ do: 'allocate' as const }),
      fc.record({ do: fc.constant('release' as const), which: fc.nat({ max: 20 }) }),
      fc.record({ do: fc.constant('claim' as const), id: fc.integer({ min: -1, max: 30 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const ids = new EndpointIds();
        const held: number[] = [];
        for (const one of steps) {
          if (one.do === 'release') {
            const [id] = held.splice(one.which, 1);
            if (id !== undefined) ids.release(id);
            continue;
          }
          const id = one.do === 'allocate' ? ids.allocate() : ids.claim(one.id) ? one.id : undefined;
          if (id === undefined) {
            if (one.do === 'claim') assert.ok(held.includes(one.id) || one.id < 1);
            else assert.fail('there are free ones');
            continue;
          }
          assert.ok(!held.includes(id) && id >= 1 && id <= 65535);
          held.push(id);
        }
      }),
    );
  });

  it('run out after 65535, and one that is given back can be had again', () => {
    const ids = new EndpointIds();
    for (let i = 1; i <= 65535; i++) assert.equal(ids.allocate(), i);
    assert.equal(ids.allocate(), undefined);
    ids.release(4711);
    assert.equal(ids.allocate(), 4711);
  });

  it('are not given to the next one at once', () => {
    const ids = new EndpointIds();
    const first = ids.allocate() as number;
    ids.release(first);
    assert.notEqual(ids.allocate(), first);
  });
});
