import assert from 'node:assert/strict';
import { type AnyObject, type Diagnostic, refKey, refOf } from '../../api/index.ts';
import type { SourceBatch, SourceOptions } from '../source.ts';

/** A sink that remembers everything, holds batches to what `SourceBatch` promises, and can be waited on. */
export class Recorder implements SourceOptions {
  readonly batches: SourceBatch[] = [];
  /** In force, by `refKey`. */
  readonly objects = new Map<string, AnyObject>();
  diagnostics: readonly Diagnostic[] = [];
  /** How often diagnostics came. */
  reports = 0;
  readonly #waiting = new Set<() => void>();

  readonly sink = (batch: SourceBatch): void => {
    this.batches.push(batch);
    const keys = new Set<string>();
    assert.ok(batch.changes.length > 0, 'an empty batch');
    for (const change of batch.changes) {
      const key = refKey(change.op === 'set' ? refOf(change.object) : change.ref);
      assert.ok(!keys.has(key), `${key} is twice in one batch`);
      keys.add(key);
      if (change.op === 'set') {
        assert.notDeepEqual(change.object, this.objects.get(key), `${key} is set to what it is`);
        this.objects.set(key, change.object);
      } else assert.ok(this.objects.delete(key), `${key} is deleted, but was not there`);
    }
    this.wake();
  };

  readonly onDiagnostics = (diagnostics: readonly Diagnostic[]): void => {
    this.diagnostics = diagnostics;
    this.reports++;
    this.wake();
  };

  /** Resolves when the condition holds; the test's own time limit ends a wait in vain. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition())
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
  }

  get names(): readonly string[] {
    return [...this.objects.values()].map(({ metadata }) => metadata.name).sort();
  }

  has(name: string): boolean {
    return this.names.includes(name);
  }

  /** Names of all objects ever deleted. */
  get deleted(): readonly string[] {
    return this.batches.flatMap(({ changes }) =>
      changes.flatMap((change) => (change.op === 'delete' ? [change.ref.name] : [])),
    );
  }

  /** Looks again at what is waited for: something else than a call of ours has changed. */
  wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
