import assert from 'node:assert/strict';
import { Parts } from './parts.ts';

describe('parts of a process', () => {
  const log: string[] = [];
  const part = (name: string, fails = false) => ({
    async close() {
      log.push(name);
      if (fails) throw new Error(`${name} does not close`);
    },
  });
  beforeEach(() => {
    log.length = 0;
  });

  it('are closed in the reverse order, once, and say in which state they are', async () => {
    const parts = new Parts();
    await parts.start('a', () => part('a'));
    const starting = parts.start('b', async () => part('b'));
    assert.deepEqual(parts.states(), { a: 'running', b: 'starting' });
    await starting;
    parts.add('c', part('c'));
    const closing = parts.close();
    assert.equal(parts.close(), closing);
    await closing;
    assert.deepEqual(log, ['c', 'b', 'a']);
    assert.deepEqual(parts.states(), { a: 'closed', b: 'closed', c: 'closed' });
  });

  it('are all closed even where one fails to, or failed to start', async () => {
    const parts = new Parts();
    await parts.start('a', () => part('a'));
    await parts.start('b', () => part('b', true));
    await assert.rejects(
      parts.start('c', () => Promise.reject(new Error('no c'))),
      /no c/,
    );
    await parts.start('d', () => part('d'));
    await assert.rejects(parts.close(), /b does not close/);
    assert.deepEqual(log, ['d', 'b', 'a']);
    assert.deepEqual(parts.states(), { a: 'closed', b: 'failed', c: 'failed', d: 'closed' });
  });
});
