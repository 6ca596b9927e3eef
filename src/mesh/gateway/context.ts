import type { Store } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';
import type { GatewayContext } from './contract.ts';

/** Call it once for each store, before the room's derived collections are made. */
export function createGatewayContext(_store: Store, tables: Tables): GatewayContext {
  return {
    tables,
    grantsByNamespace: tables.ReferenceGrant.index('namespace', (grant) => grant.metadata.namespace),
    tlsPoliciesByService: tables.BackendTLSPolicy.index('service', (policy) => [
      ...new Set(
        policy.spec.targetRefs
          .filter((target) => target.group === '' && target.kind === 'Service')
          .map((target) => `${policy.metadata.namespace}/${target.name}`),
      ),
    ]),
  };
}
