import type { ObjectRef } from '../api/index.ts';
import type { Rejection } from '../mesh/envoy/resource.ts';
import { refToKey, type Tables } from '../mesh/inputs.ts';
import type { Condition, ObjectStatus } from '../mesh/model/index.ts';
import type { Collection, DerivedCollection, Fetch, Store } from '../store/index.ts';
import type { Rejections } from './rejections.ts';

/**
 * The statuses that translators gave, corrected by what Envoy refused: an object is not Programmed (a Gateway, a listener)
 * or not Accepted (a route) if Envoy did not take what came of it. By `refKey`.
 */
export function deriveStatuses(
  store: Store,
  collections: readonly Collection<ObjectStatus>[],
  rejections: Rejections,
  tables: Pick<Tables, 'Gateway' | 'ListenerSet'>,
): DerivedCollection<ObjectStatus> {
  return store.derive(collections, {
    name: 'statuses',
    joined: [rejections.byOrigin],
    map: (fetch, status, key) => {
      const refused = rejections.byOrigin.get(key);
      if (refused.length === 0) return [[key, status]];
      const { ref } = status;
      return [[key, { ref, value: correct(status.value, refused, listenersOf(fetch, tables, ref)) }]];
    },
  });
}

interface ListenerPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
}

function listenersOf(
  fetch: Fetch,
  tables: Pick<Tables, 'Gateway' | 'ListenerSet'>,
  ref: ObjectRef,
): readonly ListenerPort[] {
  const key = refToKey(ref);
  if (ref.kind === 'Gateway') return fetch.get(tables.Gateway, key)?.spec.listeners ?? [];
  return ref.kind === 'ListenerSet' ? (fetch.get(tables.ListenerSet, key)?.spec.listeners ?? []) : [];
}

type Value = Readonly<Record<string, unknown>>;

function correct(value: Value, refused: readonly Rejection[], listeners: readonly ListenerPort[]): Value {
  const message = messageOf(refused);
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
  if (Array.isArray(value.listeners)) {
    patched.listeners = value.listeners.map((listener: Value) => {
      const spec = listeners.find(({ name }) => name === listener.name);
      const own = refused.filter((rejection) => spec !== undefined && isOfPort(rejection, spec));
      return own.length === 0 || !Array.isArray(listener.conditions)
        ? listener
        : { ...listener, conditions: setCondition(listener.conditions, 'Programmed', 'Invalid', messageOf(own)) };
    });
  }
  return patched;
}

function messageOf(refused: readonly Rejection[]): string {
  return `Envoy refused it: ${[...new Set(refused.map((rejection) => rejection.message.trim()))].sort().join('; ')}`;
}

/** Listeners of one Gateway on one port are one of Envoy's, and its name ends with the port. */
function isOfPort({ type, name }: Rejection, { port, protocol }: ListenerPort): boolean {
  return type === 'listeners' && name.endsWith(`:${port}`) && name.includes('/udp/') === (protocol === 'UDP');
}

function setCondition(conditions: readonly Condition[], type: string, reason: string, message: string): Condition[] {
  const generation = conditions[0]?.observedGeneration ?? 0;
  const refused: Condition = { type, status: 'False', reason, message, observedGeneration: generation };
  return conditions.some((condition) => condition.type === type)
    ? conditions.map((condition) => (condition.type === type ? refused : condition))
    : [...conditions, refused];
}
