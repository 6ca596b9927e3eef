import { type AnyObject, type Diagnostic, type ObjectRef, refKey } from '../../api/index.ts';
import { compareText } from '../../lib/compare.ts';
import { equal } from '../../lib/equal.ts';
import type { SourceChange, SourceOptions } from '../source.ts';

interface Pending {
  readonly ref: ObjectRef;
  /** What the sink has. */
  readonly before: AnyObject | undefined;
  now: AnyObject | undefined;
}

/** What the sink is not told yet: all that happens within one turn of the event loop becomes one batch. */
export class Changes {
  readonly #options: SourceOptions;
  #pending = new Map<string, Pending>();
  readonly #diagnostics = new Map<string, readonly Diagnostic[]>();
  #diagnosticsChanged = false;
  #scheduled: NodeJS.Immediate | undefined;
  #open = false;

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  /** @param before what was in force up to now */
  put(ref: ObjectRef, before: AnyObject | undefined, now: AnyObject | undefined): void {
    const key = refKey(ref);
    const pending = this.#pending.get(key);
    if (pending === undefined) this.#pending.set(key, { ref, before, now });
    else pending.now = now;
    this.#schedule();
  }

  /** @param subject what they are about; none in place of those that were there */
  diagnose(subject: string, diagnostics: readonly Diagnostic[]): void {
    if (diagnostics.length > 0) this.#diagnostics.set(subject, diagnostics);
    else if (!this.#diagnostics.delete(subject)) return;
    this.#diagnosticsChanged = true;
    this.#schedule();
  }

  /** From now on the sink is told; what there is so far at once. */
  open(): void {
    this.#open = true;
    this.flush();
  }

  close(): void {
    this.#open = false;
    clearImmediate(this.#scheduled);
  }

  #schedule(): void {
    if (!this.#open || this.#scheduled !== undefined) return;
    this.#scheduled = setImmediate(() => this.flush());
  }

  /** Tells the sink now. */
  flush(): void {
    if (!this.#open) return;
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    const changes: SourceChange[] = [];
    const pending = this.#pending;
    this.#pending = new Map();
    for (const { ref, before, now } of pending.values())
      if (now === undefined) {
        if (before !== undefined) changes.push({ op: 'delete', ref });
      } else if (before === undefined || !equal(before, now)) changes.push({ op: 'set', object: now });
    if (changes.length > 0) this.#options.sink({ changes });
    // The sink may have closed us.
    if (!this.#diagnosticsChanged || !this.#open) return;
    this.#diagnosticsChanged = false;
    const subjects = [...this.#diagnostics].sort(([a], [b]) => compareText(a, b));
    this.#options.onDiagnostics(subjects.flatMap(([, diagnostics]) => diagnostics));
  }
}
