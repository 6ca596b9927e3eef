import { objectKey } from '../../api/index.ts';
import type { Collection, DerivedCollection, Store } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';
import type { MeshOptions } from '../model/index.ts';
import { type Assignment, assignAddresses, type Claim } from './address-assignment.ts';
import { socketOf } from './listener-conflicts.ts';
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
  const claims = store.derive(merged, { name: 'gateway.claims', map: (_fetch, value, key) => [[key, claimOf(value)]] });
  const ingress = store.single({
    name: 'gateway.ingress-present',
    map: (fetch) => fetch.all(tables.Ingress).length > 0,
  });
  const all = store.single({
    name: 'gateway.address-assignment',
    map: (fetch) => {
      // Ingress is served on sockets of its own, as soon as there is one.
      const ports = fetch.get(ingress, '') ? [options.httpPort, options.httpsPort] : [];
      const reserved = ports.map((port) => ({ address: options.address, port: `tcp/${port}` }));
      const assigned = assignAddresses(fetch.all(claims), options, reserved);
      return [...assigned].map(([claim, assignment]) => [objectKey(claim.gateway), assignment] as const);
    },
  });
  return store.derive(all, { name: 'gateway.addresses', map: (_fetch, assignments) => assignments });
}

function claimOf({ gateway, problem, entries }: MergedGateway): Claim {
  const { namespace = '', name, creationTimestamp } = gateway.metadata;
  const ports = { own: new Set<string>(), sets: new Set<string>() };
  // A Gateway that is not accepted as a whole takes no sockets.
  for (const entry of problem === undefined ? entries : []) {
    if (entry.unsupported !== undefined || entry.conflict !== undefined) continue;
    ports[entry.owner.kind === 'Gateway' ? 'own' : 'sets'].add(socketOf(entry));
  }
  return {
    gateway: { metadata: { namespace, name, creationTimestamp, generation: 0, labels: {}, annotations: {} } },
    requested: gateway.spec.addresses,
    ports: [...ports.own].sort(),
    setPorts: [...ports.sets].sort(),
  };
}
