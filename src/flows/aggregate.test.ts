import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FlowAggregator } from './aggregate.ts';
import { decodeFlow } from './decode-flow.ts';
import type { Flow } from './flow.ts';
import { MonotonicClock } from './monotonic-clock.ts';
import { context, record } from './testing/records.ts';

function flow(over: Parameters<typeof record>[0] = {}): Flow {
  const made = decodeFlow(record(over), 0, context, new MonotonicClock());
  assert.ok(made);
  return made;
}

describe('aggregation of flows', () => {
  it('tells the first of its kind, and a sum at the end of the while', () => {
    const sums = new FlowAggregator();
    assert.ok(sums.add(flow({ length: 100 })));
    assert.equal(sums.add(flow({ length: 60 })), undefined);
    assert.equal(sums.add(flow({ length: 40 })), undefined);
    assert.ok(sums.add(flow({ destinationPort: 81 })), 'another port is another kind');
    assert.ok(sums.add(flow({ verdict: 4 })), 'another verdict, too');
    assert.deepEqual(
      sums.end().map(({ count, bytes }) => [count, bytes]),
      [[2, 100]],
    );
    assert.ok(sums.add(flow()), 'a new while begins');
    assert.deepEqual(sums.end(), []);
  });

  it('passes on what is no flow', () => {
    const sums = new FlowAggregator();
    const lost = { kind: 'lost', time: 0, count: 3, where: 'reader' } as const;
    assert.deepEqual([sums.add(lost), sums.add(lost)], [lost, lost]);
  });

  it('loses no packet and no byte', () => {
    const one = fc.record({
      destinationPort: fc.integer({ min: 1, max: 3 }),
      length: fc.integer({ min: 1, max: 1500 }),
    });
    fc.assert(
      fc.property(fc.array(fc.option(one, { nil: undefined }), { maxLength: 40 }), (steps) => {
        const sums = new FlowAggregator();
        let [packets, bytes, told, toldBytes] = [0, 0, 0, 0];
        const end = () => {
          for (const sum of sums.end()) {
            told += sum.count;
            toldBytes += sum.bytes;
          }
        };
        for (const step of steps) {
          if (step === undefined) {
            end();
            continue;
          }
          packets++;
          bytes += step.length;
          const now = sums.add(flow(step));
          if (now?.kind !== 'flow') continue;
          told++;
          toldBytes += now.length;
        }
        end();
        assert.deepEqual([told, toldBytes], [packets, bytes]);
      }),
    );
  });
});
