import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Backoff } from './backoff.ts';

describe('back-off', () => {
  it('doubles up to its longest, spread over half of that, and begins anew after a success', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), { maxLength: 20 }),
        (draws) => {
          const backoff = new Backoff({ first: 100, longest: 1600 });
          for (const [i, draw] of draws.entries()) {
            const full = Math.min(100 * 2 ** i, 1600);
            const wait = backoff.next(0, () => draw);
            assert.ok(wait >= full / 2 && wait <= full, `${wait} of ${full}`);
          }
          backoff.reset();
          assert.ok(backoff.next(0, () => 0.5) <= 100);
        },
      ),
    );
  });

  it('never waits less than the server asks for', () => {
    const backoff = new Backoff({ first: 1, longest: 10 });
    for (const draw of [0, 0.5, 0.999]) assert.ok(backoff.next(5000, () => draw) >= 5000);
  });

  it('ends a wait when the server is heard, or when it is called off', async () => {
    const backoff = new Backoff({ first: 3_600_000, longest: 3_600_000 });
    let forgotten = false;
    const wakeBy = (listener: () => void) => {
      setImmediate(listener);
      return () => {
        forgotten = true;
      };
    };
    await backoff.wait(new AbortController().signal, { wakeBy });
    assert.ok(forgotten);
    const abort = new AbortController();
    const waiting = backoff.wait(abort.signal);
    abort.abort();
    await waiting;
    await backoff.wait(abort.signal);
  });
});
