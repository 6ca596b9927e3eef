import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { Fault } from '../../src/lib/fault.ts';
import { quote, run, script } from './shell.ts';

describe('commands', () => {
  it('are words for a shell, whatever they hold', () => {
    const word = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
        const printed = execFileSync('sh', ['-c', `printf '%s\\0' ${words.map(quote).join(' ')}`], {
          encoding: 'utf8',
        });
        assert.deepEqual(printed.split('\0').slice(0, -1), words);
      }),
      { numRuns: 50 },
    );
  });

  it('end, as a script, at the first that fails', () => {
    const { stdout, status } = spawnSync('sh', ['-c', script([['echo', 'a'], ['false'], ['echo', 'b']])]);
    assert.deepEqual([stdout.toString(), status], ['a\n', 1]);
  });

  it('fail with what they said, under their title', async () => {
    const failing = run(['sh', '-c', 'cat; echo no such thing >&2; exit 3'], { input: 'x', title: 'looking' });
    await assert.rejects(failing, (error) => {
      assert.ok(error instanceof Fault);
      assert.equal(error.message, 'looking: exit code 3\nno such thing');
      return true;
    });
    await assert.rejects(run(['/nonexistent/program']), /\/nonexistent\/program: .*ENOENT/);
    assert.equal(await run(['cat'], { input: 'as it was' }), 'as it was');
  });
});
