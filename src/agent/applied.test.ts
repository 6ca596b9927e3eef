import assert from 'node:assert/strict';
import { followChanges } from './applied.ts';
import type { Applied } from './watcher.ts';

const ref = (name: string) => ({ group: '', kind: 'Service', namespace: 'default', name });
const deletion = (name: string) => ({ changes: [{ op: 'delete' as const, ref: ref(name) }] });

describe('changes in force', () => {
  it('are told when Envoy has answered the turn that they were in', async () => {
    const waiting: { sequence: number; answer: () => void }[] = [];
    const told = { all: [] as Applied[] };
    const following = followChanges(
      (sequence) => new Promise((answer) => waiting.push({ sequence, answer })),
      (applied) => told.all.push(applied),
    );
    following.published(1);
    assert.equal(waiting.length, 0);
    following.received(deletion('a'));
    following.received(deletion('b'));
    following.received(deletion('a'));
    following.published(2);
    following.received(deletion('c'));
    following.published(3);
    assert.deepEqual(
      waiting.map(({ sequence }) => sequence),
      [2, 3],
    );
    assert.equal(told.all.length, 0);
    waiting[0]?.answer();
    await Promise.resolve();
    waiting[1]?.answer();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(
      told.all.map(({ changes }) => changes.map(({ op, ref: { name } }) => `${op} ${name}`)),
      [['delete a', 'delete b'], ['delete c']],
    );
    for (const { milliseconds } of told.all) assert.ok(milliseconds >= 0);
  });
});
