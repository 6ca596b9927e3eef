import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { Turns } from './turns.ts';

describe('turns of CNI calls', () => {
  let log: string[];
  let turns: Turns;
  beforeEach(() => {
    log = [];
    turns = new Turns();
  });
  const work =
    (name: string, ms = 1) =>
    async () => {
      log.push(`${name}+`);
      for (let i = 0; i < ms; i++) await turn();
      log.push(`${name}-`);
      return name;
    };

  it('of one container come one after the other, of different ones at once', async () => {
    const all = [turns.of('a', work('a1', 5)), turns.of('a', work('a2')), turns.of('b', work('b1'))];
    assert.deepEqual(await Promise.all(all), ['a1', 'a2', 'b1']);
    assert.deepEqual(log, ['a1+', 'b1+', 'b1-', 'a1-', 'a2+', 'a2-']);
  });

  it('go on after a failure, which is its caller’s', async () => {
    const failed = turns.of('a', async () => {
      throw new Error('no');
    });
    const next = turns.of('a', work('a2'));
    await assert.rejects(failed, /no/);
    assert.equal(await next, 'a2');
  });

  it('of GC come when all before are over, and before all after', async () => {
    const all = [
      turns.of('a', work('a1', 5)),
      turns.alone(work('gc', 5)),
      turns.of('b', work('b1')),
      turns.alone(work('gc2')),
    ];
    await Promise.all(all);
    assert.deepEqual(log, ['a1+', 'a1-', 'gc+', 'gc-', 'b1+', 'b1-', 'gc2+', 'gc2-']);
  });
});
