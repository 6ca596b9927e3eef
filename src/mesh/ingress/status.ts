import { type LoadBalancerIngress, refKey, refOf } from '../../api/index.ts';
import type { DerivedCollection, Fetch, Store } from '../../store/index.ts';
import { deriveNodeAddresses, loadBalancerOf } from '../backend/index.ts';
import type { Tables } from '../inputs.ts';
import type { MeshOptions, ObjectStatus } from '../model/index.ts';
import { type Placed, serviceKeyOf } from './placement.ts';

/** `status.loadBalancer` (networking/v1 IngressStatus): where an Ingress of ours is reached; empty for one that is not served. */
export function deriveStatuses(
  store: Store,
  tables: Tables,
  placed: DerivedCollection<Placed>,
  options: MeshOptions,
): DerivedCollection<ObjectStatus> {
  const nodes =
    options.gatewayAddresses === 'single' || options.gatewayAddresses === 'next'
      ? undefined
      : deriveNodeAddresses(store, tables);
  const placesOf = (fetch: Fetch, entry: Placed): readonly LoadBalancerIngress[] => {
    if (nodes === undefined) return [{ ip: options.address }];
    if (options.gatewayAddresses === 'service' && entry.port === undefined)
      return loadBalancerOf(fetch, tables, serviceKeyOf(entry.slot!, options));
    return fetch.get(nodes, '')!.map((ip) => ({ ip }));
  };
  return store.derive<Placed, ObjectStatus>(placed, {
    name: 'ingress/statuses',
    map: (fetch, entry) => {
      const ref = refOf(entry.ingress);
      const ports = portsOf(entry, options).map((port) => ({ port, protocol: 'TCP' }));
      const places = entry.slot === undefined ? [] : placesOf(fetch, entry);
      const ingress = places.map((place) => ({ ...place, ports }));
      return [[refKey(ref), { ref, value: { loadBalancer: ingress.length === 0 ? {} : { ingress } } }]];
    },
  });
}

function portsOf({ port, settings, ingress }: Placed, options: MeshOptions): number[] {
  if (port !== undefined) return [port];
  const secure = settings.tlsPassthrough || ingress.spec.tls.length > 0;
  return secure ? [options.httpPort, options.httpsPort] : [options.httpPort];
}
