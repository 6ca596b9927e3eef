import assert from 'node:assert/strict';
import type { AnyObject, Diagnostic, KindName, ObjectByKind } from '../index.ts';
import { parseObject } from '../index.ts';

/** What tests change in an object: a path such as `spec.rules.0.name`, and the value to put there (undefined removes). */
export type Change = readonly [path: string, value: unknown];

/** A deep copy of `base` with changes. Path segments are separated by dots; numbers index lists. */
export function changed(base: object, ...changes: readonly Change[]): unknown {
  const copy = structuredClone(base) as Record<string, unknown>;
  for (const [path, value] of changes) {
    const segments = path.split('.');
    const last = segments.pop() as string;
    let at = copy;
    for (const segment of segments) {
      if (at[segment] === undefined) at[segment] = {};
      at = at[segment] as Record<string, unknown>;
    }
    if (value === undefined) delete at[last];
    else at[last] = value;
  }
  return copy;
}

/** Parses what must be right, without so much as a warning. */
export function accepted<K extends KindName>(kind: K, raw: unknown): ObjectByKind[K] {
  const { object, diagnostics } = parseObject(raw);
  assert.deepEqual(diagnostics, []);
  assert.equal(object?.kind, kind);
  return object as AnyObject as ObjectByKind[K];
}

/** Parses what must be wrong, in one place; gives the diagnostic. */
export function refused(raw: unknown, field: string, reason: string, message?: RegExp): Diagnostic {
  const { object, diagnostics } = parseObject(raw);
  assert.equal(object, undefined, 'it was accepted');
  const found = diagnostics.map((each) => `${each.reason} ${each.field}`);
  assert.deepEqual(found, [`${reason} ${field}`], diagnostics.map(({ message }) => message).join('; '));
  const [diagnostic] = diagnostics as [Diagnostic];
  assert.equal(diagnostic.severity, 'error');
  if (message !== undefined) assert.match(`${diagnostic.message} | ${diagnostic.hint}`, message);
  return diagnostic;
}

/** One row of a table of refusals: what it says, the change, where it is reported, and as what. */
export type Refusal = readonly [
  title: string,
  changes: readonly Change[],
  field: string,
  reason: string,
  message?: RegExp,
];

/** A test for each row. */
export function refusals(base: object, rows: readonly Refusal[]): void {
  for (const [title, changes, field, reason, message] of rows)
    it(`refuses ${title}`, () => {
      refused(changed(base, ...changes), field, reason, message);
    });
}
