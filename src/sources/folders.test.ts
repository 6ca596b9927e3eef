import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { Fault } from '../lib/fault.ts';
import { type FileSourceOptions, openFileSource } from './files.ts';
import type { Source } from './source.ts';
import { TestFolder, yaml } from './testing/folder.ts';
import { Recorder } from './testing/recorder.ts';

describe('a file source and its folders', () => {
  let folder: TestFolder;
  let recorder: Recorder;
  let source: Source;

  const open = async (options: Partial<FileSourceOptions> = {}): Promise<void> => {
    source = openFileSource({ ...recorder, paths: [folder.path], settleAfter: 5, ...options });
    await source.ready;
  };
  const value = (name: string): string | undefined => {
    const object = [...recorder.objects.values()].find(({ metadata }) => metadata.name === name);
    return object?.kind === 'ConfigMap' ? object.data.value : undefined;
  };
  const reasons = (): readonly string[] => recorder.diagnostics.map(({ reason }) => reason);

  beforeEach(() => {
    folder = new TestFolder();
    recorder = new Recorder();
  });
  afterEach(async () => {
    await source.close();
    folder.remove();
  });

  it('reads YAML and JSON in folders within folders, and nothing that editors leave behind', async () => {
    const content = (name: string): string => yaml(name);
    folder.write('a.yaml', content('a'));
    folder.write('b/c/b.yml', content('b'));
    folder.write('b/c.json', JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' } }));
    for (const skipped of ['.d.yaml', 'e.yaml~', '#f.yaml#', 'g.yaml.swp', 'h.txt', '.git/i.yaml', '4913'])
      folder.write(skipped, content('skipped'));
    await open();
    assert.deepEqual(recorder.names, ['a', 'b', 'c']);
    assert.deepEqual(source.stats(), { files: 3, documents: 3, objects: 3, bad: 0 });
  });

  it('reads a single file, and leaves its neighbours alone', async () => {
    folder.write('a.yaml', yaml('a', '1'));
    folder.write('b.yaml', yaml('b'));
    await open({ paths: [folder.at('a.yaml')] });
    folder.write('c.yaml', yaml('c'));
    folder.write('a.yaml', yaml('a', '2'));
    await recorder.until(() => value('a') === '2');
    assert.deepEqual(recorder.names, ['a']);
  });

  it('follows new folders, and folders that move', async () => {
    await open();
    folder.write('x/y/a.yaml', yaml('a', '1'));
    await recorder.until(() => value('a') === '1');
    renameSync(folder.at('x'), folder.at('z'));
    folder.write('z/y/a.yaml', yaml('a', '2'));
    await recorder.until(() => value('a') === '2');
    assert.deepEqual(recorder.deleted, []);
    folder.remove('z');
    await recorder.until(() => !recorder.has('a'));
    folder.write('x/y/a.yaml', yaml('a', '3'));
    await recorder.until(() => value('a') === '3');
  });

  it('waits for what does not exist, and for what went to come back', async () => {
    const paths = [folder.at('deep/down/objects'), folder.at('single/file.yaml')];
    await open({ paths });
    assert.deepEqual(reasons(), ['PathNotFound', 'PathNotFound']);
    for (const round of ['1', '2', '3']) {
      folder.write('deep/down/objects/a.yaml', yaml('a', round));
      folder.write('single/file.yaml', yaml('b', round));
      await recorder.until(() => value('a') === round && value('b') === round && reasons().length === 0);
      folder.remove(round === '1' ? 'deep/down/objects' : 'deep');
      folder.remove(round === '1' ? 'single/file.yaml' : 'single');
      await recorder.until(() => recorder.objects.size === 0 && reasons().length === 2);
    }
  });

  it('sees a folder replaced by another one of its name', async () => {
    folder.write('live/a.yaml', yaml('a', '1'));
    await open({ paths: [folder.at('live')] });
    folder.write('next/a.yaml', yaml('a', '2'));
    renameSync(folder.at('live'), folder.at('old'));
    renameSync(folder.at('next'), folder.at('live'));
    await recorder.until(() => value('a') === '2');
    folder.write('live/a.yaml', yaml('a', '3'));
    await recorder.until(() => value('a') === '3');
    assert.deepEqual(recorder.deleted, []);
  });

  it('is not confused by a folder within one of the same name', async () => {
    await open();
    folder.write('a/a/a.yaml', yaml('a', '1'));
    await recorder.until(() => value('a') === '1');
    folder.remove('a/a');
    await recorder.until(() => !recorder.has('a'));
    folder.write('a/a/a.yaml', yaml('a', '2'));
    await recorder.until(() => value('a') === '2');
  });

  describe('with links', () => {
    it('reads through them, and sees changes behind them', async () => {
      const elsewhere = new TestFolder();
      try {
        const target = elsewhere.write('a.yaml', yaml('a', '1'));
        symlinkSync(target, folder.at('link.yaml'));
        await open();
        assert.equal(value('a'), '1');
        elsewhere.write('a.yaml', yaml('a', '2'));
        await recorder.until(() => value('a') === '2');
        elsewhere.write('.new', yaml('a', '3'));
        renameSync(elsewhere.at('.new'), target);
        await recorder.until(() => value('a') === '3');
        unlinkSync(target);
        await recorder.until(() => !recorder.has('a'));
      } finally {
        elsewhere.remove();
      }
    });

    it('sees the swap of a mounted ConfigMap', async () => {
      folder.write('..v1/a.yaml', yaml('a', '1'));
      symlinkSync('..v1', folder.at('..data'));
      symlinkSync('..data/a.yaml', folder.at('a.yaml'));
      await open();
      assert.equal(value('a'), '1');
      for (const version of ['2', '3']) {
        folder.write(`..v${version}/a.yaml`, yaml('a', version));
        symlinkSync(`..v${version}`, folder.at('..data_tmp'));
        renameSync(folder.at('..data_tmp'), folder.at('..data'));
        folder.remove(`..v${Number(version) - 1}`);
        await recorder.until(() => value('a') === version);
      }
      assert.deepEqual(recorder.deleted, []);
    });

    it('ends where they lead back up, or to themselves', async () => {
      mkdirSync(folder.at('x'));
      symlinkSync('..', folder.at('x/up'));
      symlinkSync('self.yaml', folder.at('self.yaml'));
      symlinkSync('nowhere.yaml', folder.at('dangling.yaml'));
      folder.write('a.yaml', yaml('a'));
      await open();
      assert.deepEqual(recorder.names, ['a']);
      assert.deepEqual(reasons(), ['DanglingLink', 'Unreadable']);
      folder.write('nowhere.yaml', yaml('b'));
      await recorder.until(() => recorder.has('b') && !reasons().includes('DanglingLink'));
      folder.remove('self.yaml');
      folder.remove('dangling.yaml');
      await recorder.until(() => reasons().length === 0);
    });
  });

  describe('and files that cannot be used', () => {
    it('keeps what a file held that is no text any more', async () => {
      folder.write('a.yaml', yaml('a', '1'));
      await open();
      folder.write(
        'a.yaml',
        Uint8Array.from({ length: 1000 }, (_, i) => (i * 7919) & 0xff),
      );
      await recorder.until(() => reasons().join() === 'NotText');
      assert.equal(value('a'), '1');
      folder.write('a.yaml', yaml('a', '2'));
      await recorder.until(() => value('a') === '2' && reasons().length === 0);
    });

    it('refuses one that is too large, without reading it', async () => {
      folder.write('a.yaml', yaml('a'));
      folder.write('large.yaml', '');
      truncateSync(folder.at('large.yaml'), 50 << 20);
      await open();
      assert.deepEqual(recorder.names, ['a']);
      assert.deepEqual(
        recorder.diagnostics.map(({ reason, hint }) => [reason, hint]),
        [['TooLarge', 'split it into several files']],
      );
    });

    it('does not wait for a pipe, and takes no folder for a file', async () => {
      execFileSync('mkfifo', [folder.at('pipe.yaml')]);
      folder.write('folder.yaml/a.yaml', yaml('a'));
      await open();
      assert.deepEqual(recorder.names, ['a']);
      assert.deepEqual(reasons(), ['NotAFile']);
      folder.remove('pipe.yaml');
      await recorder.until(() => reasons().length === 0);
    });

    it('reads UTF-16 with a byte order mark, and UTF-8 with one', async () => {
      folder.write('a.yaml', Buffer.from(`\ufeff${yaml('a', 'ä')}`, 'utf16le'));
      folder.write('b.yaml', `\ufeff${yaml('b', 'ä')}`);
      await open();
      assert.deepEqual([value('a'), value('b')], ['ä', 'ä']);
    });

    it('survives files that come and go while it reads', async () => {
      await open();
      for (let i = 0; i < 300; i++) {
        folder.write(`${i % 7}.yaml`, yaml(`a${i % 7}`, `${i}`));
        if (i % 3 === 0) folder.remove(`${i % 7}.yaml`);
        if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      for (let i = 0; i < 7; i++) folder.remove(`${i}.yaml`);
      folder.write('last.yaml', yaml('last'));
      await recorder.until(() => recorder.names.join() === 'last');
    });

    it('reads 10,000 bad objects, tells of each, and serves the good one', async () => {
      const bad = Array.from({ length: 10_000 }, (_, i) => yaml(`b${i}`).replace('""', '1'));
      folder.write('a.yaml', [...bad, yaml('good')].join('---\n'));
      await open();
      assert.deepEqual(recorder.names, ['good']);
      assert.equal(recorder.diagnostics.length, 10_000);
      assert.equal(recorder.diagnostics.at(-1)?.location?.line, 7 * 9_999 + 6);
    });
  });

  it('tells, once, that the system will not watch, and what to do', async () => {
    const faults: Fault[] = [];
    const watch = (): never => {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    };
    folder.write('x/a.yaml', yaml('a', '1'));
    await open({ watch, rescanEvery: 5, onFault: (fault) => faults.push(fault) });
    writeFileSync(folder.at('x/a.yaml'), yaml('a', '2'));
    await recorder.until(() => value('a') === '2');
    assert.equal(faults.length, 1);
    assert.ok(faults[0] instanceof Fault);
    assert.equal(faults[0].code, 'WATCH_FAILED');
    assert.match(faults[0].hint ?? '', /max_user_watches/);
  });
});
