import type { ObjectRef } from '../../api/index.ts';
import type { Fetch } from '../../store/index.ts';
import type { GatewayContext, Referrer } from './contract.ts';

/**
 * Whether `from` may refer to `to`: always within a namespace, else if a ReferenceGrant in the namespace of `to` says so
 * (its rules are additive, and within one grant every `from` goes with every `to`). Only the other namespace's grants are
 * depended upon, and only for references that leave their own.
 */
export function isGranted(fetch: Fetch, context: GatewayContext, from: Referrer, to: ObjectRef): boolean {
  const namespace = to.namespace ?? '';
  if (namespace === from.namespace) return true;
  return fetch
    .by(context.grantsByNamespace, namespace)
    .some(
      ({ spec }) =>
        spec.from.some(
          (entry) => entry.group === from.group && entry.kind === from.kind && entry.namespace === from.namespace,
        ) &&
        spec.to.some(
          (entry) =>
            entry.group === to.group && entry.kind === to.kind && (entry.name === undefined || entry.name === to.name),
        ),
    );
}
