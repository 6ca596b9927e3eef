import { type ObjectRef, refKey, refOf } from '../api/index.ts';
import type { SourceBatch } from '../sources/source.ts';
import type { Applied } from './watcher.ts';

/** Follows what sources change until Envoy has answered it. What changes meanwhile is told together with it. */
export function followChanges(waitAcked: (sequence: number) => Promise<void>, tell: (applied: Applied) => void) {
  let changes = new Map<string, { op: 'set' | 'delete'; ref: ObjectRef }>();
  let since = 0;
  return {
    received(batch: SourceBatch): void {
      if (changes.size === 0) since = performance.now();
      for (const change of batch.changes) {
        const ref = change.op === 'set' ? refOf(change.object) : change.ref;
        changes.set(refKey(ref), { op: change.op, ref });
      }
    },
    /** A turn of the store is over, and what came of it is in the cache up to `sequence`. */
    published(sequence: number): void {
      if (changes.size === 0) return;
      const applied = { changes: [...changes.values()] };
      const from = since;
      changes = new Map();
      void waitAcked(sequence).then(() => tell({ ...applied, milliseconds: performance.now() - from }));
    },
  };
}
