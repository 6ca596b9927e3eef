import type { Rejection } from '../mesh/envoy/resource.ts';
import type { Condition, ObjectStatus } from '../mesh/model/index.ts';
import type { Collection, DerivedCollection, Store } from '../store/index.ts';
import type { Rejections } from './rejections.ts';

/**
 * The statuses that translators gave, corrected by what Envoy refused: an object is not Programmed (a Gateway, a listener)
 * or not Accepted (a route) if Envoy did not take what came of it. By `refKey`.
 */
export function deriveStatuses(
  store: Store,
  collections: readonly Collection<ObjectStatus>[],
  rejections: Rejections,
): DerivedCollection<ObjectStatus> {
  return store.derive(collections, {
    name: 'statuses',
    joined: [rejections.byOrigin],
    map: (_fetch, status, key) => {
      const refused = rejections.byOrigin.get(key);
      return [[key, refused.length === 0 ? status : { ref: status.ref, value: correct(status.value, refused) }]];
    },
  });
}

type Value = Readonly<Record<string, unknown>>;

function correct(value: Value, refused: readonly Rejection[]): Value {
  const message = `Envoy refused it: ${[...new Set(refused.map((rejection) => rejection.message.trim()))].sort().join('; ')}`;
  const patched: Record<string, unknown> = { ...value };
  if (Array.isArray(value.conditions))
    patched.conditions = setCondition(value.conditions, 'Programmed', 'Invalid', message);
  if (Array.isArray(value.parents)) {
    patched.parents = value.parents.map((parent: Value) =>
      Array.isArray(parent.conditions)
        ? { ...parent, conditions: setCondition(parent.conditions, 'Accepted', 'UnsupportedValue', message) }
        : parent,
    );
  }
  return patched;
}

function setCondition(conditions: readonly Condition[], type: string, reason: string, message: string): Condition[] {
  const generation = conditions[0]?.observedGeneration ?? 0;
  const refused: Condition = { type, status: 'False', reason, message, observedGeneration: generation };
  return conditions.some((condition) => condition.type === type)
    ? conditions.map((condition) => (condition.type === type ? refused : condition))
    : [...conditions, refused];
}
