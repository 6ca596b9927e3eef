import assert from 'node:assert/strict';
import fc from 'fast-check';
import { diagnosticsOf, readFileState } from './file-state.ts';
import { readFile } from './read-file.ts';
import { TestFolder } from './testing/folder.ts';

describe('readFile', () => {
  const folder = new TestFolder();
  after(() => folder.remove());

  it('takes any bytes, and what it reads can be taken apart', () => {
    const header = Buffer.from('apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n');
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.concat([header, each])),
      fc.string({ unit: 'binary', maxLength: 200 }).map((each) => Buffer.from(`\ufeff${each}`, 'utf16le')),
    );
    fc.assert(
      fc.property(bytes, (content) => {
        const path = folder.write('a.yaml', content);
        const read = readFile(path);
        if ('text' in read)
          for (const { message, location } of diagnosticsOf(readFileState(path, read.text, undefined))) {
            assert.ok(message.length > 0);
            assert.equal(location?.file, path);
          }
        else assert.ok('problem' in read);
      }),
      { numRuns: 500 },
    );
  });

  it('tells apart what is missing and what is no file', () => {
    assert.deepEqual(readFile(folder.at('nowhere.yaml')), { absent: 'missing' });
    assert.deepEqual(readFile(folder.path), { absent: 'folder' });
    const device = readFile('/dev/null');
    assert.equal('problem' in device && device.problem.reason, 'NotAFile');
  });

  it('reads a file that does not tell its size', () => {
    const read = readFile('/proc/self/status');
    assert.ok('text' in read && read.text.includes('Pid:'));
  });
});
