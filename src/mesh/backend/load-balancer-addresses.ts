import { isIP } from 'node:net';
import type { LoadBalancerIngress, Node } from '../../api/index.ts';
import { compareText } from '../../lib/compare.ts';
import type { DerivedCollection, Fetch, Store } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';

/**
 * What a Service's load balancer says of itself, in its order; `key` is `namespace/name`. One with a selector is none of ours,
 * whatever its name: its addresses lead to its own pods.
 */
export function loadBalancerOf(fetch: Fetch, tables: Tables, key: string): readonly LoadBalancerIngress[] {
  const service = fetch.get(tables.Service, key);
  const isOurs = service?.spec.type === 'LoadBalancer' && service.spec.selector === undefined;
  return isOurs ? service.status.loadBalancer : [];
}

/** The addresses of it that Envoy can listen on: IP literals. */
export function loadBalancerAddresses(fetch: Fetch, tables: Tables, key: string): string[] {
  const addresses = loadBalancerOf(fetch, tables, key).flatMap(({ ip }) => ip ?? []);
  return [...new Set(addresses.filter((ip) => isIP(ip) !== 0))];
}

/** `status.addresses` of a Gateway holds no more. */
const mostAddresses = 16;

/** Where a cluster's nodes are reached from outside, in one row with key `''`: external addresses where there are any. */
export function deriveNodeAddresses(store: Store, tables: Tables): DerivedCollection<readonly string[]> {
  return store.single<readonly string[]>({
    name: 'backend/node-addresses',
    map: (fetch) => {
      const nodes = fetch.all(tables.Node).sort((a, b) => compareText(a.metadata.name, b.metadata.name));
      const external = addressesOf(nodes, 'ExternalIP');
      return (external.length > 0 ? external : addressesOf(nodes, 'InternalIP')).slice(0, mostAddresses);
    },
  });
}

function addressesOf(nodes: readonly Node[], type: string): string[] {
  return nodes.flatMap(({ status }) =>
    status.addresses.flatMap((each) => (each.type === type && isIP(each.address) !== 0 ? [each.address] : [])),
  );
}
