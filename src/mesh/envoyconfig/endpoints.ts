import type { Service, ServicePort } from '../../api/index.ts';
import { HealthStatus } from '../../gen/envoy/config/core/v3/health_check_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import type { Fetch } from '../../store/index.ts';
import { targetEndpoints } from '../backend/index.ts';
import { makeResource } from '../envoy/make-resource.ts';
import type { Resource } from '../envoy/resource.ts';
import type { Tables } from '../inputs.ts';
import type { EndpointAddress } from '../model/index.ts';
import type { EndpointNeed } from './compiled.ts';

/** The Service's ports that a need is about, in the Service's order. */
export function portsOf(service: Service, ports: readonly string[]): readonly ServicePort[] {
  if (ports.length === 0) return service.spec.ports;
  return service.spec.ports.filter((port) => ports.includes(String(port.port)) || ports.includes(port.name));
}

/** The endpoints of a cluster that an object defines; empty without its Service, so that Envoy does not wait for them. */
export function needEndpoints(fetch: Fetch, tables: Tables, need: EndpointNeed): Resource {
  const service = need.service === undefined ? undefined : fetch.get(tables.Service, need.service);
  const found = new Map<string, EndpointAddress>();
  if (service !== undefined && need.service !== undefined)
    for (const { port } of portsOf(service, need.ports))
      for (const endpoint of targetEndpoints(fetch, tables, { service: need.service, port, weight: 1 })) {
        const key = `${endpoint.address}|${endpoint.port}`;
        if (found.get(key)?.state !== 'healthy') found.set(key, endpoint);
      }
  const addresses = [...found.keys()].sort().map((key) => found.get(key) as EndpointAddress);
  const message = {
    clusterName: need.cluster,
    endpoints: addresses.length === 0 ? [] : [{ lbEndpoints: addresses.map(lbEndpoint) }],
  };
  return makeResource('endpoints', need.cluster, ClusterLoadAssignmentSchema, message, [need.origin]);
}

function lbEndpoint({ address, port, state, hostname }: EndpointAddress) {
  return {
    healthStatus: state === 'draining' ? HealthStatus.DRAINING : HealthStatus.HEALTHY,
    hostIdentifier: {
      case: 'endpoint' as const,
      value: {
        address: {
          address: {
            case: 'socketAddress' as const,
            value: { address, portSpecifier: { case: 'portValue' as const, value: port } },
          },
        },
        ...(hostname === undefined ? {} : { hostname }),
      },
    },
  };
}
