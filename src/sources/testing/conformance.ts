import assert from 'node:assert/strict';
import fc from 'fast-check';
import { refOf } from '../../api/index.ts';
import type { Source, SourceOptions } from '../source.ts';
import { Recorder } from './recorder.ts';

/** A ConfigMap as written: the simplest object that can change. */
export interface RawObject {
  readonly apiVersion: 'v1';
  readonly kind: 'ConfigMap';
  readonly metadata: { readonly name: string };
  readonly data: unknown;
}

/** Where a kind of source gets its objects from, in a test. */
export interface Rig {
  open(options: SourceOptions): Source;
  /** Creates or replaces an object, good or bad. */
  write(object: RawObject): void;
  remove(name: string): void;
  dispose(): void | Promise<void>;
}

export function configMap(name: string, value: unknown = ''): RawObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    data: typeof value === 'string' ? { value } : value,
  };
}

/** What every source owes to what stands behind it, whatever its objects come from. */
export function sourceConformance(title: string, createRig: () => Rig | Promise<Rig>): void {
  describe(`${title} as a source`, () => {
    let rig: Rig;
    let recorder: Recorder;
    let source: Source | undefined;

    const open = async (): Promise<Source> => {
      source = rig.open(recorder);
      await source.ready;
      return source;
    };
    const value = (name: string): string | undefined => {
      const object = [...recorder.objects.values()].find(({ metadata }) => metadata.name === name);
      return object?.kind === 'ConfigMap' ? object.data.value : undefined;
    };

    beforeEach(async () => {
      rig = await createRig();
      recorder = new Recorder();
    });
    afterEach(async () => {
      await source?.close();
      source = undefined;
      await rig.dispose();
    });

    it('is ready when everything that was there is in the sink', async () => {
      for (const name of ['a', 'b', 'c']) rig.write(configMap(name));
      const { objects, bad } = (await open()).stats();
      assert.deepEqual(recorder.names, ['a', 'b', 'c']);
      assert.deepEqual({ objects, bad }, { objects: 3, bad: 0 });
    });

    it('does not call back while it is being opened', async () => {
      rig.write(configMap('a'));
      source = rig.open(recorder);
      assert.equal(recorder.batches.length + recorder.reports, 0);
      await source.ready;
      assert.equal(recorder.batches.length, 1);
    });

    it('is ready with nothing to read', async () => {
      assert.equal((await open()).stats().objects, 0);
    });

    it('tells of objects that come, change and go', async () => {
      await open();
      rig.write(configMap('a', '1'));
      await recorder.until(() => value('a') === '1');
      rig.write(configMap('a', '2'));
      await recorder.until(() => value('a') === '2');
      rig.remove('a');
      await recorder.until(() => !recorder.has('a'));
      assert.deepEqual(recorder.deleted, ['a']);
    });

    it('is silent about what is written again without a change', async () => {
      rig.write(configMap('a', '1'));
      await open();
      rig.write(configMap('a', '1'));
      rig.write(configMap('marker'));
      await recorder.until(() => recorder.has('marker'));
      assert.equal(recorder.batches.flatMap(({ changes }) => changes).length, 2);
    });

    it('keeps the last good version of what turned bad, says so, and takes the next good one', async () => {
      rig.write(configMap('a', '1'));
      await open();
      rig.write(configMap('a', { value: 2 }));
      await recorder.until(() => recorder.diagnostics.length > 0);
      const [diagnostic] = recorder.diagnostics;
      assert.equal(diagnostic?.reason, 'WrongType');
      assert.equal(diagnostic?.object?.name, 'a');
      assert.equal(value('a'), '1');
      assert.equal(source?.stats().bad, 1);
      rig.write(configMap('a', '3'));
      await recorder.until(() => value('a') === '3' && recorder.diagnostics.length === 0);
      assert.deepEqual(recorder.deleted, []);
    });

    it('reads what is good among what is bad', async () => {
      rig.write(configMap('bad', 1));
      rig.write(configMap('good'));
      await open();
      assert.deepEqual(recorder.names, ['good']);
      assert.deepEqual(
        recorder.diagnostics.map(({ object }) => object?.name),
        ['bad'],
      );
      rig.remove('bad');
      await recorder.until(() => recorder.diagnostics.length === 0);
    });

    it('knows no place of what is not there', async () => {
      await open();
      rig.write(configMap('a'));
      await recorder.until(() => recorder.has('a'));
      const [object] = recorder.objects.values();
      assert.ok(object);
      assert.equal(source?.locationOf({ ...refOf(object), name: 'b' }), undefined);
    });

    it('is silent after it was closed', async () => {
      rig.write(configMap('a'));
      const opened = await open();
      rig.write(configMap('b'));
      await opened.close();
      const { length } = recorder.batches;
      rig.write(configMap('c'));
      const other = new Recorder();
      const second = rig.open(other);
      await second.ready;
      assert.ok(other.has('c'));
      await second.close();
      assert.equal(recorder.batches.length, length);
    });

    it('adds up to what is there, whatever was done', async () => {
      const name = fc.constantFrom('a', 'b', 'c', 'd');
      const step = fc.record({ name, value: fc.option(fc.constantFrom('1', '2', '3')) });
      await open();
      let round = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          const expected = new Map<string, string>();
          for (const each of ['a', 'b', 'c', 'd']) rig.remove(each);
          for (const each of steps)
            if (each.value === null) {
              rig.remove(each.name);
              expected.delete(each.name);
            } else {
              rig.write(configMap(each.name, each.value));
              expected.set(each.name, each.value);
            }
          const marker = `${++round}`;
          rig.write(configMap('marker', marker));
          await recorder.until(
            () =>
              value('marker') === marker && ['a', 'b', 'c', 'd'].every((each) => value(each) === expected.get(each)),
          );
        }),
        { numRuns: 20 },
      );
    });
  });
}
