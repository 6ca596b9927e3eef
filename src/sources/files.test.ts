import assert from 'node:assert/strict';
import { appendFileSync, renameSync, truncateSync, unlinkSync } from 'node:fs';
import { type FileSourceOptions, openFileSource } from './files.ts';
import type { Source } from './source.ts';
import { TestFolder, yaml } from './testing/folder.ts';
import { Recorder } from './testing/recorder.ts';

/** ms; longer than any test: nothing is settled but what must not wait for that. */
const NEVER = 60_000;
const SOON = 5;

describe('a file source', () => {
  let folder: TestFolder;
  let recorder: Recorder;
  let source: Source;

  const open = async (options: Partial<FileSourceOptions> = {}): Promise<void> => {
    source = openFileSource({ ...recorder, paths: [folder.path], settleAfter: SOON, ...options });
    await source.ready;
  };
  /** Everything written before has been read once this resolves: events come in order. */
  let markers = 0;
  const caughtUp = async (): Promise<void> => {
    const name = `marker-${++markers}`;
    folder.write(`zz-${name}.yaml`, yaml(name));
    await recorder.until(() => recorder.has(name));
  };
  const names = (): readonly string[] => recorder.names.filter((name) => !name.startsWith('marker-'));
  const value = (name: string): string | undefined => {
    const object = [...recorder.objects.values()].find(({ metadata }) => metadata.name === name);
    return object?.kind === 'ConfigMap' ? object.data.value : undefined;
  };
  const problems = (): readonly string[] =>
    recorder.diagnostics.map(({ reason, location }) => {
      const file = location?.file.slice(folder.path.length + 1);
      return `${reason} ${file}:${location?.line}:${location?.column}`;
    });

  beforeEach(() => {
    folder = new TestFolder();
    recorder = new Recorder();
  });
  afterEach(async () => {
    await source.close();
    folder.remove();
  });

  describe('and writers that are caught in the middle', () => {
    it('takes away nothing while a file is truncated and written anew', async () => {
      folder.write('a.yaml', `${yaml('a', '1')}---\n${yaml('b', '1')}`);
      await open({ settleAfter: NEVER });
      truncateSync(folder.at('a.yaml'));
      await caughtUp();
      appendFileSync(folder.at('a.yaml'), `${yaml('a', '2')}---\n`);
      await caughtUp();
      assert.deepEqual([value('a'), value('b')], ['2', '1']);
      appendFileSync(folder.at('a.yaml'), yaml('b', '2'));
      await recorder.until(() => value('b') === '2');
      assert.deepEqual(recorder.deleted, []);
    });

    it('takes no half of an object for the whole', async () => {
      const whole = `${yaml('a', '1')}binaryData:\n  more: YQ==\n`;
      folder.write('a.yaml', whole);
      await open({ settleAfter: NEVER });
      folder.write('a.yaml', yaml('a', '1'));
      await caughtUp();
      assert.equal(recorder.batches.length, 2, 'the file’s own and the marker’s');
      folder.write('a.yaml', `${whole}  yet: YQ==\n`);
      await recorder.until(() => recorder.batches.length === 3);
    });

    it('waits for the last line of one that is written slowly', async () => {
      folder.write('a.yaml', yaml('a', '1'));
      await open({ settleAfter: NEVER });
      const more = `${yaml('a', '2')}binaryData:\n  a: YQ==\n`;
      folder.write('a.yaml', more.slice(0, -3));
      await caughtUp();
      assert.equal(value('a'), '1');
      folder.write('a.yaml', more);
      await recorder.until(() => value('a') === '2');
    });

    it('takes a file that stays shorter at its word', async () => {
      folder.write('a.yaml', `${yaml('a')}---\n${yaml('b')}`);
      await open();
      folder.write('a.yaml', yaml('a'));
      await recorder.until(() => !recorder.has('b'));
      truncateSync(folder.at('a.yaml'));
      await recorder.until(() => !recorder.has('a'));
    });

    it('takes away nothing while a file is deleted and made anew', async () => {
      folder.write('a.yaml', yaml('a', '1'));
      await open({ settleAfter: NEVER });
      unlinkSync(folder.at('a.yaml'));
      await caughtUp();
      folder.write('a.yaml', yaml('a', '2'));
      await recorder.until(() => value('a') === '2');
      assert.deepEqual(recorder.deleted, []);
    });

    it('keeps the last good version also where a file is deleted and comes back bad', async () => {
      folder.write('a.yaml', yaml('a', '1'));
      await open({ settleAfter: NEVER });
      unlinkSync(folder.at('a.yaml'));
      await caughtUp();
      folder.write('a.yaml', 'a: [\n');
      await recorder.until(() => recorder.diagnostics.length > 0);
      assert.equal(value('a'), '1');
    });

    it('takes an atomic save for a change', async () => {
      folder.write('a.yaml', yaml('a', '1'));
      await open({ settleAfter: NEVER });
      folder.write('.a.yaml.tmp', yaml('a', '2'));
      renameSync(folder.at('.a.yaml.tmp'), folder.at('a.yaml'));
      await recorder.until(() => value('a') === '2');
      assert.deepEqual(recorder.deleted, []);
    });

    it('takes a renamed file for the same objects in another place', async () => {
      folder.write('a.yaml', yaml('a'));
      await open();
      renameSync(folder.at('a.yaml'), folder.at('b.yaml'));
      await caughtUp();
      renameSync(folder.at('b.yaml'), folder.at('c.yaml'));
      await caughtUp();
      assert.deepEqual(recorder.deleted, []);
      assert.deepEqual(problems(), []);
      unlinkSync(folder.at('c.yaml'));
      await recorder.until(() => !recorder.has('a'));
    });
  });

  it('makes one batch of a burst', async () => {
    await open();
    for (let i = 0; i < 50; i++) folder.write(`${i}.yaml`, yaml(`a${i}`));
    await recorder.until(() => recorder.objects.size === 50);
    assert.equal(recorder.batches.length, 1);
  });

  describe('and documents that are bad', () => {
    it('says where, and goes on with the others', async () => {
      folder.write('a.yaml', `# first\n${yaml('a', '1')}---\n${yaml('b', '1')}`);
      await open();
      folder.write('a.yaml', `# first\n${yaml('a', '2')}---\n${yaml('b', '2').replace('"2"', '2')}`);
      await recorder.until(() => value('a') === '2');
      assert.equal(value('b'), '1');
      assert.deepEqual(problems(), ['WrongType a.yaml:14:10']);
      folder.write('a.yaml', `${yaml('b', '3')}---\n# none\n---\n${yaml('a', '3')}`);
      await recorder.until(() => value('a') === '3' && value('b') === '3' && problems().length === 0);
    });

    it('moves their places along with them', async () => {
      const bad = yaml('b').replace('""', '1');
      folder.write('a.yaml', `${yaml('a')}---\n${bad}`);
      await open();
      assert.deepEqual(problems(), ['WrongType a.yaml:13:10']);
      folder.write('a.yaml', `\n\n${yaml('a')}---\n${bad}`);
      await recorder.until(() => problems()[0] === 'WrongType a.yaml:15:10');
    });

    it('keeps both of two that a broken separator made one', async () => {
      folder.write('a.yaml', `${yaml('a')}---\n${yaml('b')}---\n${yaml('c')}`);
      await open();
      folder.write('a.yaml', `${yaml('a')}--\n${yaml('b')}---\n${yaml('c', '2')}`);
      await recorder.until(() => value('c') === '2');
      assert.deepEqual(problems(), ['InvalidYaml a.yaml:8:11']);
      folder.remove('zz');
      await caughtUp();
      assert.deepEqual(names(), ['a', 'b', 'c']);
      // Another edit of the same broken document, and of another one.
      folder.write('a.yaml', `${yaml('a')}--\n\n${yaml('b')}---\n${yaml('c', '3')}`);
      await recorder.until(() => value('c') === '3');
      assert.deepEqual(names(), ['a', 'b', 'c']);
      folder.write('a.yaml', yaml('c', '3'));
      await recorder.until(() => names().join() === 'c');
    });

    it('still takes away what is deleted elsewhere in the file', async () => {
      const bad = 'a: [\n';
      folder.write('a.yaml', `${bad}---\n${yaml('b')}---\n${yaml('c')}`);
      await open();
      folder.write('a.yaml', `${bad}---\n${yaml('c')}`);
      await recorder.until(() => names().join() === 'c');
    });

    it('names items of a list', async () => {
      const item = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
      const list = { apiVersion: 'v1', kind: 'List', items: [item('a'), item('B')] };
      folder.write('a.json', JSON.stringify(list, undefined, 2));
      await open();
      assert.deepEqual(names(), ['a']);
      assert.deepEqual(problems(), ['InvalidValue a.json:16:17']);
    });

    it('points at the key of an unknown field, and around a missing one', async () => {
      const route =
        'apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata:\n  name: a\nspec:\n  kontroller: a.b/c\n';
      folder.write('a.yaml', route);
      await open();
      assert.deepEqual(problems(), ['MissingField a.yaml:5:1', 'UnknownField a.yaml:6:3']);
    });

    it('tells of annotations beyond what Kubernetes takes', async () => {
      folder.write(
        'a.yaml',
        `${yaml('a')}---\n${yaml('b').replace('\ndata:', `\n  annotations:\n    x: ${'x'.repeat(1 << 20)}\ndata:`)}`,
      );
      await open();
      assert.deepEqual(names(), ['a']);
      assert.deepEqual(problems(), ['TooLarge a.yaml:12:3']);
    });

    it('is not blown up by a bomb of aliases', async () => {
      const levels = Array.from({ length: 30 }, (_, i) => `  x${i + 1}: &x${i + 1} [${`*x${i},`.repeat(9)}]`);
      const bomb = `apiVersion: cilium.io/v2\nkind: CiliumEnvoyConfig\nmetadata: {name: b}\nspec:\n  x0: &x0 lol\n${levels.join('\n')}\n`;
      folder.write('a.yaml', bomb);
      folder.write('b.yaml', yaml('b'));
      await open();
      assert.deepEqual(names(), ['b']);
      assert.deepEqual(problems(), ['TooLarge a.yaml:1:1']);
    });
  });

  describe('and objects that stand in two places', () => {
    it('takes the first by path, tells of the other, and takes that when the first goes', async () => {
      folder.write('b.yaml', yaml('x', 'b'));
      await open();
      folder.write('a.yaml', `---\n${yaml('x', 'a')}`);
      await recorder.until(() => value('x') === 'a');
      assert.deepEqual(problems(), ['DuplicateObject b.yaml:1:1']);
      assert.match(recorder.diagnostics[0]?.message ?? '', /a\.yaml:2 .*b\.yaml:1/);
      unlinkSync(folder.at('a.yaml'));
      await recorder.until(() => value('x') === 'b');
      assert.deepEqual(problems(), []);
      assert.deepEqual(recorder.deleted, []);
    });

    it('takes the first within a file, however it came', async () => {
      folder.write('a.yaml', yaml('x', '2'));
      await open();
      folder.write('a.yaml', `${yaml('x', '1')}---\n${yaml('x', '2')}`);
      await recorder.until(() => value('x') === '1');
      assert.deepEqual(problems(), ['DuplicateObject a.yaml:8:1']);
      folder.write('a.yaml', yaml('x', '2'));
      await recorder.until(() => value('x') === '2' && problems().length === 0);
    });
  });

  it('knows where an object and its fields stand', async () => {
    folder.write('a.yaml', `${yaml('a')}---\n# b\n${yaml('b')}`);
    await open();
    const ref = { group: '', kind: 'ConfigMap', namespace: 'default', name: 'b' };
    const file = folder.at('a.yaml');
    assert.deepEqual(source.locationOf(ref), { file, line: 9, column: 1 });
    assert.deepEqual(source.locationOf(ref, 'data.value'), { file, line: 14, column: 10 });
    assert.deepEqual(source.locationOf(ref, 'data.nothing.at.all'), { file, line: 13, column: 1 });
  });
});
