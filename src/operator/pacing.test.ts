import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Pacing } from './pacing.ts';

const limits = { quiet: 100, longest: 600 };

describe('pacing', () => {
  it('holds a change for a moment, and for longer the longer changes go on', () => {
    const pacing = new Pacing(limits);
    let now = 0;
    const waits = Array.from({ length: 6 }, () => {
      const delay = pacing.delay('a', now);
      now += delay;
      pacing.written('a', now);
      return delay;
    });
    assert.deepEqual(waits, [100, 200, 400, 600, 600, 600]);
    assert.equal(pacing.delay('b', now), 100);
    now += 10_000;
    assert.equal(pacing.delay('a', now), 100, 'after a rest');
  });

  it('never holds a change for longer than it may, however long writes take and whoever else makes them', () => {
    const step = fc.record({ later: fc.nat({ max: 2000 }), writes: fc.nat({ max: 3 }), took: fc.nat({ max: 3000 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const pacing = new Pacing(limits);
        let now = 0;
        for (const { later, writes, took } of steps) {
          now += later;
          const delay = pacing.delay('a', now);
          assert.ok(delay >= limits.quiet && delay <= limits.longest, `${delay}`);
          // It may be written before its time, for another reason, and several times.
          for (let i = 0; i < writes; i++) {
            now += took;
            pacing.written('a', now);
          }
        }
      }),
    );
  });

  it('bounds the number of writes in a long burst', () => {
    const pacing = new Pacing(limits);
    let due: number | undefined;
    let written = 0;
    for (let now = 0; now < 20_000; now += 5) {
      due ??= now + pacing.delay('a', now);
      if (now < due) continue;
      pacing.written('a', now);
      written++;
      due = undefined;
    }
    assert.ok(written <= 36, `${written}`);
  });
});
