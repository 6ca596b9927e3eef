import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { refOf } from '../api/index.ts';
import { oneShot } from './one-shot.ts';
import { TestFolder, yaml } from './testing/folder.ts';

describe('oneShot', () => {
  let folder: TestFolder;
  beforeEach(() => {
    folder = new TestFolder();
  });
  afterEach(() => folder.remove());

  it('reads files and folders as they are, and knows places', () => {
    folder.write('x/a.yaml', `${yaml('a')}---\n${yaml('b').replace('""', '1')}`);
    const named = folder.write('y.txt', yaml('c'));
    symlinkSync('..', folder.at('x/up'));
    const { objects, diagnostics, stats, locationOf } = oneShot([folder.at('x'), named, named]);
    assert.deepEqual(
      objects.map(({ metadata }) => metadata.name),
      ['a', 'c'],
    );
    assert.deepEqual(
      diagnostics.map(({ reason, location }) => [reason, location?.line]),
      [['WrongType', 13]],
    );
    assert.deepEqual(stats, { files: 2, documents: 3, objects: 2, bad: 1 });
    assert.deepEqual(locationOf(refOf(objects[1] as (typeof objects)[number]), 'kind'), {
      file: named,
      line: 2,
      column: 7,
    });
  });

  it('tells of what is not there, and of what cannot be read', () => {
    folder.write('a.yaml', Uint8Array.of(0xff, 0x00, 0xc3));
    const { diagnostics, stats } = oneShot([folder.path, folder.at('nowhere')]);
    assert.deepEqual(
      diagnostics.map(({ severity, reason }) => [severity, reason]),
      [
        ['error', 'PathNotFound'],
        ['error', 'NotText'],
      ],
    );
    assert.equal(stats.bad, 2);
  });

  it('tells of an object that stands in two files', () => {
    folder.write('a.yaml', yaml('a', '1'));
    folder.write('b.yaml', yaml('a', '2'));
    const { objects, diagnostics } = oneShot([folder.path]);
    assert.equal(objects.length, 1);
    assert.deepEqual(
      diagnostics.map(({ reason, location }) => [reason, location?.file]),
      [['DuplicateObject', folder.at('b.yaml')]],
    );
  });
});
