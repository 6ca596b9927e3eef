import { isIP } from 'node:net';
import type { Gateway } from '../../api/index.ts';
import type { Collection, DerivedCollection, Store } from '../../store/index.ts';
import { type LoadBalancerService, labelValueFor, type MeshOptions, serviceNameFor } from '../model/index.ts';
import { socketsOf } from './listener-conflicts.ts';
import type { MergedGateway } from './merged-listeners.ts';

/** Both have it: LB-IPAM reads it on Services, and people may ask for particular addresses by it. */
export const requestedAddresses = 'lbipam.cilium.io/ips';

/** Services that Gateways of ours should have, by `namespace/name` of the Service. */
export function deriveGatewayServices(
  store: Store,
  merged: Collection<MergedGateway>,
  options: MeshOptions,
): DerivedCollection<LoadBalancerService> {
  return store.derive<MergedGateway, LoadBalancerService>(merged, {
    name: 'gateway.services',
    map: (_fetch, value) => {
      if (options.gatewayAddresses !== 'service') return [];
      const { own, sets } = socketsOf(value);
      const service = gatewayServiceOf(value.gateway, [...own, ...sets]);
      return service === undefined ? [] : [[gatewayServiceKey(value.gateway), service]];
    },
  });
}

/** `namespace/name` of the Service that brings a Gateway its addresses. */
export function gatewayServiceKey({ metadata: { namespace = '', name } }: Pick<Gateway, 'metadata'>): string {
  return `${namespace}/${serviceNameFor('cilium-gateway', { namespace, name })}`;
}

/**
 * The Service whose load balancer addresses are the Gateway's (the operator applies it). `sockets` are those of its listeners
 * and of its ListenerSets' (`tcp/80`, `udp/53`); with none there is nothing to reach, and no Service. Labels and annotations of
 * `spec.infrastructure` are copied, as GEP-1867 asks; the labels that say whose it is can't be overridden.
 */
export function gatewayServiceOf(
  { metadata: { namespace = '', name, uid }, spec }: Gateway,
  sockets: readonly string[],
): LoadBalancerService | undefined {
  if (sockets.length === 0) return undefined;
  const wanted = spec.addresses.flatMap(({ type, value }) =>
    type === 'IPAddress' && value !== undefined && isIP(value) !== 0 ? [value] : [],
  );
  const owner = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name, controller: true as const };
  const label = labelValueFor(name, { namespace, name });
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: serviceNameFor('cilium-gateway', { namespace, name }),
      namespace,
      labels: {
        ...spec.infrastructure?.labels,
        'io.cilium.gateway/owning-gateway': label,
        'gateway.networking.k8s.io/gateway-name': label,
      },
      annotations: {
        ...spec.infrastructure?.annotations,
        ...(wanted.length === 0 ? {} : { [requestedAddresses]: wanted.join(',') }),
      },
      ...(uid === undefined ? {} : { ownerReferences: [{ ...owner, uid }] }),
    },
    spec: {
      type: 'LoadBalancer',
      ports: [...new Set(sockets)].sort(bySocket).map((socket) => {
        const [transport = '', port] = socket.split('/');
        return {
          name: `${transport}-${port}`,
          protocol: transport === 'udp' ? ('UDP' as const) : ('TCP' as const),
          port: Number(port),
        };
      }),
      externalTrafficPolicy: 'Cluster',
      allocateLoadBalancerNodePorts: false,
    },
  };
}

function bySocket(a: string, b: string): number {
  const order = Number(a.slice(4)) - Number(b.slice(4));
  return order === 0 ? (a < b ? -1 : 1) : order;
}
