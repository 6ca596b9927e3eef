import assert from 'node:assert/strict';
import { WriteQueue, type WriteQueueOptions } from './write-queue.ts';

/** A queue whose writes the test ends. */
function rig(options: Partial<WriteQueueOptions> = {}) {
  const started: string[] = [];
  const open = new Map<string, { resolve: () => void; reject: (error: unknown) => void }>();
  const nothing = new Set<string>();
  let most = 0;
  const queue = new WriteQueue({
    concurrency: 3,
    rate: 1_000_000,
    burst: 1_000_000,
    priorityOf: (key) => (key.startsWith('first') ? 0 : key.startsWith('last') ? 2 : 1),
    prepare: (key) => {
      if (nothing.has(key)) return undefined;
      return () => {
        started.push(key);
        assert.ok(!open.has(key), `${key} is written twice at a time`);
        return new Promise<void>((resolve, reject) => {
          open.set(key, { resolve, reject });
          most = Math.max(most, open.size);
        }).finally(() => open.delete(key));
      };
    },
    onError: () => 'back off',
    ...options,
  });
  queue.start();
  const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
  const end = async (key: string, error?: unknown) => {
    if (error === undefined) open.get(key)?.resolve();
    else open.get(key)?.reject(error);
    await turn();
  };
  return { queue, started, open, nothing, turn, end, most: () => most };
}

describe('a queue of writes', () => {
  it('takes what others wait for first, and never more than so many at a time', async () => {
    const { queue, started, turn, end, most } = rig();
    for (const key of ['last', 'a', 'b', 'c', 'first']) queue.add(key);
    await turn();
    assert.deepEqual(started, ['first', 'a', 'b']);
    await end('a');
    assert.deepEqual(started, ['first', 'a', 'b', 'c']);
    for (const key of ['first', 'b', 'c', 'last']) await end(key);
    assert.deepEqual(started, ['first', 'a', 'b', 'c', 'last']);
    assert.equal(most(), 3);
    await queue.idle();
    queue.stop();
  });

  it('makes one write of all that happens meanwhile, and one after the other of the same key', async () => {
    const { queue, started, turn, end } = rig();
    for (let i = 0; i < 10; i++) queue.add('a');
    await turn();
    for (let i = 0; i < 10; i++) queue.add('a');
    await turn();
    assert.deepEqual(started, ['a']);
    await end('a');
    assert.deepEqual(started, ['a', 'a']);
    await end('a');
    await queue.idle();
    assert.equal(started.length, 2);
    queue.stop();
  });

  it('counts nothing for what needs no write', async () => {
    const { queue, started, nothing, turn, end } = rig({ rate: 0.001, burst: 1 });
    nothing.add('a').add('b');
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
    await turn();
    assert.deepEqual(started, ['c']);
    await end('c');
    assert.deepEqual(started, ['c'], 'the burst is used up');
    assert.equal(queue.size, 1);
    queue.stop();
    await queue.idle();
  });

  it('tries again what failed, by itself, without holding up the others', async () => {
    let faults = 0;
    const { queue, started, open, turn, end } = rig({
      onError: () => {
        faults++;
        return { after: 5 };
      },
    });
    queue.add('a');
    await turn();
    await end('a', new Error('no'));
    assert.deepEqual(started, ['a']);
    queue.add('b');
    await turn();
    assert.ok(open.has('b'));
    await end('b');
    while (!open.has('a')) await turn();
    await end('a');
    await queue.idle();
    assert.deepEqual(started, ['a', 'b', 'a']);
    assert.equal(faults, 1);
    queue.stop();
  });

  it('waits for more where it may, but not beyond the earliest time', async () => {
    const { queue, started, open, turn, end } = rig();
    queue.add('a', 1_000_000);
    queue.add('b', 1_000_000);
    queue.add('b', 2);
    queue.add('b', 1_000_000);
    while (!open.has('b')) await turn();
    assert.deepEqual(started, ['b']);
    queue.add('a');
    await turn();
    assert.deepEqual(started, ['b', 'a']);
    await end('a');
    await end('b');
    await queue.idle();
    queue.stop();
  });

  it('forgets what is gone, and writes nothing after its end', async () => {
    const { queue, started, open, turn, end } = rig({ concurrency: 1 });
    for (const key of ['a', 'b', 'c']) queue.add(key);
    await turn();
    queue.drop('b');
    await end('a');
    assert.deepEqual(started, ['a', 'c']);
    queue.stop();
    queue.add('d');
    open.get('c')?.resolve();
    await queue.idle();
    await turn();
    assert.deepEqual(started, ['a', 'c']);
  });
});
