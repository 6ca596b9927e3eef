import type { Service, ServicePort } from '../../api/index.ts';
import type { Fetch } from '../../store/index.ts';
import { targetEndpoints } from '../backend/index.ts';
import { endpointsToEnvoy } from '../envoy/endpoints.ts';
import type { Resource } from '../envoy/resource.ts';
import type { Tables } from '../inputs.ts';
import type { EndpointAddress } from '../model/index.ts';
import type { EndpointNeed } from './compiled.ts';

/** The Service's ports that a need is about, in the Service's order. */
export function portsOf(service: Service, ports: readonly string[]): readonly ServicePort[] {
  if (ports.length === 0) return service.spec.ports;
  const found = service.spec.ports.filter((port) => ports.includes(String(port.port)) || ports.includes(port.name));
  if (found.length > 0 || service.spec.type !== 'ExternalName') return found;
  // An ExternalName Service needs no ports: the number referred to is the one dialled.
  const numbers = ports.map(Number).filter((port) => Number.isInteger(port) && port > 0 && port <= 65_535);
  return numbers.map((port) => ({ name: '', port, targetPort: port, protocol: 'TCP' }));
}

/** The endpoints of a cluster that an object defines; empty without its Service, so that Envoy does not wait for them. */
export function needEndpoints(fetch: Fetch, tables: Tables, need: EndpointNeed): Resource {
  const service = need.service === undefined ? undefined : fetch.get(tables.Service, need.service);
  const found = new Map<string, EndpointAddress>();
  if (service !== undefined && need.service !== undefined)
    for (const { port, protocol } of portsOf(service, need.ports)) {
      const target = { service: need.service, port, weight: 1 };
      for (const endpoint of targetEndpoints(fetch, tables, target, protocol === 'UDP' ? 'UDP' : 'TCP')) {
        const key = `${endpoint.address}|${endpoint.port}`;
        if (found.get(key)?.state !== 'healthy') found.set(key, endpoint);
      }
    }
  const endpoints = [...found.keys()].sort().map((key) => found.get(key) as EndpointAddress);
  return endpointsToEnvoy({ name: need.cluster, origins: [need.origin] }, [{ weight: 1, endpoints }]);
}
