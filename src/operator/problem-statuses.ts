import type { Diagnostic } from '../api/index.ts';
import type { ObjectStatus } from '../mesh/model/index.ts';
import type { Collection, DerivedCollection, Store, Table } from '../store/index.ts';
import { recordsOf } from './json.ts';

/** Statuses with what only the operator knows: why a Gateway's address does not come. By `refKey`, as both inputs. */
export function deriveProblemStatuses(
  store: Store,
  statuses: Collection<ObjectStatus>,
  problems: Table<readonly Diagnostic[]>,
): DerivedCollection<ObjectStatus> {
  const byObject = problems.index('object', (_list, key) => key);
  return store.derive<ObjectStatus, ObjectStatus>(statuses, {
    name: 'operator.statuses',
    joined: [byObject],
    map: (_fetch, status, key) => {
      const message = byObject
        .get(key)[0]
        ?.map((problem) => problem.message)
        .join('; ');
      return [[key, message === undefined ? status : withReason(status, message)]];
    },
  });
}

function withReason({ ref, value }: ObjectStatus, message: string): ObjectStatus {
  if (value.conditions === undefined) return { ref, value };
  const conditions = recordsOf(value.conditions).map((condition) =>
    condition.status === 'False' && (condition.type === 'Programmed' || condition.type === 'AddressesAssigned')
      ? { ...condition, message }
      : condition,
  );
  return { ref, value: { ...value, conditions } };
}
