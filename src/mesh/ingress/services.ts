import type { DerivedCollection, Store } from '../../store/index.ts';
import type { LoadBalancerService, MeshOptions } from '../model/index.ts';
import { loadBalancerServiceOf, sharedLoadBalancerService } from './load-balancer-service.ts';
import { type Placed, serviceKeyOf, sharedSlot } from './placement.ts';
import type { Slot } from './slots.ts';

/** Services of Ingresses, by `namespace/name`: one of each with an address to itself, and one of all the others if there are any. */
export function deriveServices(
  store: Store,
  placed: DerivedCollection<Placed>,
  slots: DerivedCollection<Slot>,
  options: MeshOptions,
): DerivedCollection<LoadBalancerService> {
  if (options.gatewayAddresses !== 'service')
    return store.derive<Slot, LoadBalancerService>(slots, { name: 'ingress/services', map: () => [] });
  const dedicated = store.derive<Placed, LoadBalancerService>(placed, {
    name: 'ingress/dedicated-services',
    map: (_fetch, { ingress, slot, port }) => {
      if (slot === undefined || slot === sharedSlot || port !== undefined) return [];
      const service = loadBalancerServiceOf(ingress);
      return service === undefined ? [] : [[serviceKeyOf(slot, options), service]];
    },
  });
  const shared = store.derive<Slot, LoadBalancerService>(slots, {
    name: 'ingress/shared-service',
    map: (_fetch, { name }) =>
      name === sharedSlot ? [[options.sharedIngressService, sharedLoadBalancerService(options)]] : [],
  });
  return store.derive<LoadBalancerService, LoadBalancerService>([dedicated, shared], {
    name: 'ingress/services',
    map: (_fetch, service, key) => [[key, service]],
  });
}
