import { objectKey } from '../../api/index.ts';
import type { Collection, DerivedCollection, Fetch, Store } from '../../store/index.ts';
import { loadBalancerAddresses } from '../backend/index.ts';
import type { Tables } from '../inputs.ts';
import type { MeshOptions } from '../model/index.ts';
import { type Assignment, assignAddresses, type Claim } from './address-assignment.ts';
import { socketsOf } from './listener-conflicts.ts';
import { gatewayServiceKey } from './load-balancer-service.ts';
import type { MergedGateway } from './merged-listeners.ts';

/**
 * Each Gateway's addresses, by `namespace/name`. All Gateways are looked at together (they compete for sockets), but only
 * what bears on addresses is, so that little ever runs this; who keeps an address sees no change.
 */
export function deriveAssignments(
  store: Store,
  tables: Tables,
  merged: Collection<MergedGateway>,
  options: MeshOptions,
): DerivedCollection<Assignment> {
  const claims = store.derive(merged, {
    name: 'gateway.claims',
    map: (fetch, value, key) => [[key, claimOf(value, givenTo(fetch, tables, value, options))]],
  });
  const ingress = store.single({
    name: 'gateway.ingress-present',
    map: (fetch) => fetch.all(tables.Ingress).length > 0,
  });
  const all = store.single({
    name: 'gateway.address-assignment',
    map: (fetch) => {
      // Ingress is served on sockets of its own, as soon as there is one.
      const ports =
        options.gatewayAddresses !== 'service' && fetch.get(ingress, '') ? [options.httpPort, options.httpsPort] : [];
      const reserved = ports.map((port) => ({ address: options.address, port: `tcp/${port}` }));
      const assigned = assignAddresses(fetch.all(claims), options, reserved);
      return [...assigned].map(([claim, assignment]) => [objectKey(claim.gateway), assignment] as const);
    },
  });
  return store.derive(all, { name: 'gateway.addresses', map: (_fetch, assignments) => assignments });
}

/** What the load balancer of the Gateway's Service gave; undefined where addresses don't come from there. */
function givenTo(
  fetch: Fetch,
  tables: Tables,
  { gateway }: MergedGateway,
  { gatewayAddresses }: MeshOptions,
): readonly string[] | undefined {
  return gatewayAddresses === 'service' ? loadBalancerAddresses(fetch, tables, gatewayServiceKey(gateway)) : undefined;
}

function claimOf(merged: MergedGateway, given: readonly string[] | undefined): Claim {
  const { gateway } = merged;
  const { namespace = '', name, creationTimestamp } = gateway.metadata;
  const { own, sets } = socketsOf(merged);
  return {
    gateway: { metadata: { namespace, name, creationTimestamp, generation: 0, labels: {}, annotations: {} } },
    requested: gateway.spec.addresses,
    ports: own,
    setPorts: sets,
    ...(given === undefined ? {} : { given }),
  };
}
