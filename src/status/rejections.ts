import { type Diagnostic, refKey } from '../api/index.ts';
import type { Rejection } from '../mesh/envoy/resource.ts';
import type { DerivedCollection, Index, Store, Table } from '../store/index.ts';

/** What Envoy refused, as a source of the store: it becomes diagnostics and conditions of the objects behind it. */
export interface Rejections {
  readonly table: Table<Rejection>;
  /** By `refKey` of each origin. */
  readonly byOrigin: Index<Rejection>;
  /** By `refKey` of the object that they are about. */
  readonly diagnostics: DerivedCollection<readonly Diagnostic[]>;
}

export function createRejections(store: Store): Rejections {
  const table = store.table<Rejection>('rejections');
  const byOrigin = table.index('origin', (rejection) => rejection.origins.map(refKey));
  const diagnostics = store.group<Rejection, readonly Diagnostic[]>(byOrigin, {
    name: 'rejection diagnostics',
    map: (_fetch, members, key) => [[key, sorted(members).flatMap((rejection) => toDiagnostic(rejection, key))]],
  });
  return { table, byOrigin, diagnostics };
}

export function rejectionKey(rejection: Pick<Rejection, 'type' | 'name' | 'fragment'>): string {
  return `${rejection.type}/${rejection.name}/${rejection.fragment ?? ''}`;
}

function toDiagnostic(rejection: Rejection, key: string): Diagnostic[] {
  const object = rejection.origins.find((ref) => refKey(ref) === key);
  if (object === undefined) return [];
  const what = rejection.fragment === undefined ? rejection.name : `${rejection.name} (${rejection.fragment})`;
  return [
    {
      severity: 'error',
      reason: 'RejectedByEnvoy',
      message: `Envoy refused ${rejection.type} ${what}: ${rejection.message}`,
      hint: 'the last version that Envoy took stays in force; change the object and it is tried again',
      object,
    },
  ];
}

function sorted(members: readonly Rejection[]): Rejection[] {
  return [...members].sort((a, b) => (rejectionKey(a) < rejectionKey(b) ? -1 : 1));
}
