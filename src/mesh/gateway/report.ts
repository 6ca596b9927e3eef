import { type Diagnostic, type ObjectRef, refKey } from '../../api/index.ts';
import type { Collection, DerivedCollection, Store } from '../../store/index.ts';
import type { ObjectStatus } from '../model/index.ts';

/** What is said about one object. Kept by the object's `refKey`; each object has one reporter. */
export interface Report {
  readonly ref: ObjectRef;
  /** Absent where the object is none of ours, and yet something is to be said about it. */
  readonly status?: ObjectStatus;
  readonly diagnostics: readonly Diagnostic[];
}

export function reportEntry<R extends Report>(report: R): [[string, R]] {
  return [[refKey(report.ref), report]];
}

export function deriveStatuses(store: Store, reports: readonly Collection<Report>[]): DerivedCollection<ObjectStatus> {
  return store.derive(reports, {
    name: 'gateway.statuses',
    map: (_fetch, { status }, key) => (status === undefined ? [] : [[key, status]]),
  });
}

export function deriveDiagnostics(
  store: Store,
  reports: readonly Collection<Report>[],
): DerivedCollection<readonly Diagnostic[]> {
  return store.derive(reports, {
    name: 'gateway.diagnostics',
    when: ({ diagnostics }) => diagnostics.length > 0,
    map: (_fetch, { diagnostics }, key) => [[key, diagnostics]],
  });
}
