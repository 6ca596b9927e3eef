import type { ObjectRef } from './object.ts';

/** Where in a source something stands. Lines and columns start at 1. */
export interface Location {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * Something a user wrote is wrong, as data: parsers and translators return these and never throw for user input.
 * An `error` means that what it names is not in force (or its last good version is); a `warning` means it is, with a limit.
 */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  /** CamelCase and stable; a Gateway API condition reason where there is one: `BackendNotFound`, `UnknownField`. */
  readonly reason: string;
  /** One sentence: what is wrong, with the offending value. */
  readonly message: string;
  /** One sentence: what would be right, or the next step. */
  readonly hint?: string;
  readonly object?: ObjectRef;
  /** Path in the object: `spec.rules[0].matches[1].path.value`. */
  readonly field?: string;
  readonly location?: Location;
}
