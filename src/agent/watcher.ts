import type { Diagnostic, ObjectRef } from '../api/index.ts';

/** Objects that sources set or deleted, in force at Envoy. */
export interface Applied {
  readonly changes: readonly { readonly op: 'set' | 'delete'; readonly ref: ObjectRef }[];
  /** ms from the source's event to Envoy's answer. */
  readonly milliseconds: number;
}

/** A person in front of a node: told as it happens what would otherwise only be logged. */
export interface NodeWatcher {
  /** What the start is busy with now. */
  stage(text: string): void;
  diagnostics(appeared: readonly Diagnostic[], resolved: readonly Diagnostic[]): void;
  applied(applied: Applied): void;
}
