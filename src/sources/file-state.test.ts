import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type AnyObject, refKey, refOf } from '../api/index.ts';
import { Claims } from './claims.ts';
import { diagnosticsOf, type FileState, objectsOf, readFileState } from './file-state.ts';
import { yaml } from './testing/folder.ts';

const good = fc
  .tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('1', '2'))
  .map(([name, value]) => yaml(name, value));
const odd = fc.constantFrom(
  '',
  '# nothing\n',
  'x: [\n',
  yaml('A'),
  `${yaml('e')}bad\n`,
  '{"kind":"List","items":[]} {"a":1}\n',
  'kind: X\napiVersion: y\n',
);
const separator = fc.constantFrom('---\n', '--- # c\n', '...\n', '--\n');
const file = (document: fc.Arbitrary<string>, between = separator): fc.Arbitrary<string> =>
  fc.array(fc.tuple(document, between), { maxLength: 8 }).map((parts) => parts.flat().join(''));

const objects = (state: FileState): AnyObject[] => [...objectsOf(state)].map(({ object }) => object);
const shape = ({ documents }: FileState) =>
  documents.map(({ text, offset, line, column, items }) => ({
    text,
    offset,
    line,
    column,
    good: items.filter((item) => item.good).map(({ object }) => object),
  }));

describe('readFileState', () => {
  it('finds after any edit what it would find without having seen the file before', () => {
    fc.assert(
      fc.property(fc.array(file(fc.oneof(good, odd)), { minLength: 2, maxLength: 5 }), (versions) => {
        let state: FileState | undefined;
        for (const text of versions) {
          state = readFileState('f.yaml', text, state);
          const fresh = readFileState('f.yaml', text, undefined);
          assert.deepEqual(shape(state), shape(fresh));
          assert.deepEqual(diagnosticsOf(state), diagnosticsOf(fresh));
        }
      }),
      { numRuns: 400 },
    );
  });

  it('finds the same after edits of a few characters in a long file', () => {
    const edit = fc.tuple(
      fc.nat(),
      fc.nat({ max: 40 }),
      fc.constantFrom('', '\n', '---\n', '- ', '{', '"', yaml('b', '3')),
    );
    fc.assert(
      fc.property(file(good, fc.constant('---\n')), fc.array(edit, { maxLength: 6 }), (text, edits) => {
        let current = text;
        let state = readFileState('f.yaml', current, undefined);
        for (const [seed, length, insert] of edits) {
          const at = seed % (current.length + 1);
          current = current.slice(0, at) + insert + current.slice(at + length);
          state = readFileState('f.yaml', current, state);
          assert.deepEqual(shape(state), shape(readFileState('f.yaml', current, undefined)));
        }
      }),
      { numRuns: 400 },
    );
  });

  it('parses only what changed', () => {
    const text = `${yaml('a')}---\n${yaml('b')}---\n${yaml('c')}`;
    const before = readFileState('f.yaml', text, undefined);
    const after = readFileState('f.yaml', text.replace('name: b', 'name: bb'), before);
    const same = objects(after).map((object, i) => object === objects(before)[i]);
    assert.deepEqual(same, [true, false, true]);
    const moved = readFileState('f.yaml', `${yaml('c')}---\n${yaml('a')}`, before);
    assert.equal(objects(moved).length, 2);
  });

  it('loses no object to an edit that leaves the file without one good document', () => {
    fc.assert(
      fc.property(file(good, fc.constant('---\n')), fc.string({ minLength: 1 }), (text, garbage) => {
        const before = readFileState('f.yaml', text, undefined);
        const after = readFileState('f.yaml', `a: [ ${garbage.replaceAll(/[\]\n\r-]/g, '')}\n`, before);
        const keys = (state: FileState) => [...new Set(objects(state).map((each) => refKey(refOf(each))))].sort();
        assert.deepEqual(keys(after), keys(before));
      }),
    );
  });
});

describe('Claims', () => {
  const names = fc.constantFrom('a.yaml', 'b.yaml', 'c.yaml');
  const step = fc.tuple(names, fc.option(file(good, fc.constant('---\n'))));

  it('come to the same, in whatever order files change', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const claims = new Claims();
        const files = new Map<string, FileState>();
        const inForce = new Map<string, AnyObject>();
        for (const [path, text] of steps) {
          if (text === null) files.delete(path);
          else files.set(path, readFileState(path, text, files.get(path)));
          claims.update(path, files.get(path));
          claims.settle(path);
          for (const change of claims.take())
            if (change.op === 'set') inForce.set(refKey(refOf(change.object)), change.object);
            else assert.ok(inForce.delete(refKey(change.ref)));
        }
        const expected = new Map<string, AnyObject>();
        for (const path of [...files.keys()].sort().reverse())
          for (const object of objects(files.get(path) as FileState).reverse())
            expected.set(refKey(refOf(object)), object);
        assert.deepEqual(new Map([...inForce].sort()), new Map([...expected].sort()));
        assert.equal(claims.size, expected.size);
      }),
      { numRuns: 400 },
    );
  });

  it('let nothing go before it is settled, and nothing come back', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const claims = new Claims();
        const files = new Map<string, FileState>();
        for (const [path, text] of steps) {
          const state = text === null ? undefined : readFileState(path, text, files.get(path));
          claims.update(path, state);
          if (state === undefined) files.delete(path);
          else files.set(path, state);
          assert.deepEqual(
            claims.take().filter(({ op }) => op === 'delete'),
            [],
          );
        }
        for (const path of ['a.yaml', 'b.yaml', 'c.yaml']) claims.settle(path);
        claims.take();
        const present = new Set(
          [...files.values()].flatMap((each) => objects(each).map((object) => refKey(refOf(object)))),
        );
        assert.equal(claims.size, present.size);
        for (const path of ['a.yaml', 'b.yaml', 'c.yaml']) assert.equal(claims.lingers(path), false);
      }),
      { numRuns: 400 },
    );
  });
});
