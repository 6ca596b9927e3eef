import type { RawObject } from '../kube/index.ts';
import { isObject } from '../lib/is-object.ts';
import { type Json, recordsOf } from './json.ts';

export const fieldManager = 'sluice-operator';

/** metav1.OwnerReference */
export interface OwnerReference {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly controller?: boolean;
}

/** What is kept of a live Service: what we would write, and what of it is ours already. */
export interface ServiceManifest {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly owners: readonly OwnerReference[];
  readonly spec: Json;
  /** Keys that we applied: without our wanting them any more they go. */
  readonly ownLabels: readonly string[];
  readonly ownAnnotations: readonly string[];
  /** We have applied it. */
  readonly applied: boolean;
}

export function manifestOf({ metadata = {}, spec }: RawObject): ServiceManifest {
  const fields = recordsOf(metadata.managedFields).find(
    ({ manager, operation, subresource }) =>
      manager === fieldManager && operation === 'Apply' && (subresource === undefined || subresource === ''),
  );
  const own =
    isObject(fields?.fieldsV1) && isObject(fields.fieldsV1['f:metadata']) ? fields.fieldsV1['f:metadata'] : {};
  return {
    labels: (metadata.labels ?? {}) as Record<string, string>,
    annotations: metadata.annotations ?? {},
    owners: recordsOf(metadata.ownerReferences),
    spec: isObject(spec) ? spec : {},
    ownLabels: keysOf(own['f:labels']),
    ownAnnotations: keysOf(own['f:annotations']),
    applied: fields !== undefined,
  };
}

function keysOf(set: unknown): string[] {
  if (!isObject(set)) return [];
  return Object.keys(set).flatMap((key) => (key.startsWith('f:') ? [key.slice(2)] : []));
}
