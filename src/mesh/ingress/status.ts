import { refKey, refOf } from '../../api/index.ts';
import type { DerivedCollection, Store } from '../../store/index.ts';
import type { MeshOptions, ObjectStatus } from '../model/index.ts';
import { type Placed, sharedSlot } from './placement.ts';

/** `status.loadBalancer` (networking/v1 IngressStatus): where an Ingress of ours is reached; empty for one that is not served. */
export function deriveStatuses(
  store: Store,
  placed: DerivedCollection<Placed>,
  options: MeshOptions,
): DerivedCollection<ObjectStatus> {
  return store.derive<Placed, ObjectStatus>(placed, {
    name: 'ingress/statuses',
    map: (_fetch, entry) => {
      const ref = refOf(entry.ingress);
      const ports = portsOf(entry, options).map((port) => ({ port, protocol: 'TCP' }));
      const loadBalancer = ports.length === 0 ? {} : { ingress: [{ ip: options.address, ports }] };
      return [[refKey(ref), { ref, value: { loadBalancer } }]];
    },
  });
}

function portsOf({ slot, settings, ingress }: Placed, options: MeshOptions): number[] {
  if (slot === undefined) return [];
  if (slot !== sharedSlot) return settings.hostListenerPort === undefined ? [] : [settings.hostListenerPort];
  const secure = settings.tlsPassthrough || ingress.spec.tls.length > 0;
  return secure ? [options.httpPort, options.httpsPort] : [options.httpPort];
}
