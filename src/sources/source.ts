import type { AnyObject, Diagnostic, Location, ObjectRef } from '../api/index.ts';

export type SourceChange =
  | { readonly op: 'set'; readonly object: AnyObject }
  | { readonly op: 'delete'; readonly ref: ObjectRef };

/** What changed, applied as one. At most one change per object; only real changes (an equal object is not set again). */
export interface SourceBatch {
  readonly changes: readonly SourceChange[];
}

export interface SourceStats {
  readonly files: number;
  /** Documents, or whatever else objects come in. */
  readonly documents: number;
  /** Objects in force. */
  readonly objects: number;
  /** Documents with at least one error. */
  readonly bad: number;
}

/** What a source is opened with. The callbacks are called synchronously, never during `openX` itself. */
export interface SourceOptions {
  readonly sink: (batch: SourceBatch) => void;
  /** The whole of the source's diagnostics, each time that they change. */
  readonly onDiagnostics: (diagnostics: readonly Diagnostic[]) => void;
}

/** Where objects come from: a folder of files, a Kubernetes API server, a remote cluster. */
export interface Source {
  /** Resolves once everything that was there at the start is in the sink; rejects with a Fault if that cannot be had. */
  readonly ready: Promise<void>;
  stats(): SourceStats;
  /** Where an object (or a field of it: `spec.rules[0].matches`) stands; undefined where the source has no places. */
  locationOf(ref: ObjectRef, field?: string): Location | undefined;
  /** After it resolves the callbacks are not called any more. */
  close(): Promise<void>;
}
