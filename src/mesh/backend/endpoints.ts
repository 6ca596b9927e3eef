import { isIP } from 'node:net';
import { type EndpointSlice, matchesLabels, type Pod, type Service, type ServicePort } from '../../api/index.ts';
import type { Collection, DerivedCollection, Fetch, Store } from '../../store/index.ts';
import { podLabelKey, type Tables } from '../inputs.ts';
import type { Backend, EndpointAddress, Endpoints, EndpointTarget } from '../model/index.ts';

/** The endpoints of every backend that has any way to them but DNS. Keyed by the backend's name; a pod's change costs its Services. */
export function deriveEndpoints(
  store: Store,
  tables: Tables,
  backends: Collection<Backend>,
): DerivedCollection<Endpoints> {
  return store.derive<Backend, Endpoints>(backends, {
    name: 'endpoints',
    map: (fetch, backend, name) => {
      if (backend.discovery.type !== 'endpoints') return [];
      const transport = backend.protocol === 'udp' ? 'UDP' : 'TCP';
      const localities = backend.discovery.targets.map((target) => ({
        weight: target.weight,
        endpoints: targetEndpoints(fetch, tables, target, transport),
      }));
      return [[name, { backend: name, localities }]];
    },
  });
}

/**
 * Ordered by address and port, without repetition (dual-stack Services have a slice for each family). A Service may have
 * one port number twice, for TCP and for UDP, with different endpoints.
 */
export function targetEndpoints(
  fetch: Fetch,
  tables: Tables,
  target: EndpointTarget,
  transport: 'TCP' | 'UDP' = 'TCP',
): EndpointAddress[] {
  const service = fetch.get(tables.Service, target.service);
  const numbered = service?.spec.ports.filter((candidate) => candidate.port === target.port);
  const port = numbered?.find((candidate) => candidate.protocol === transport) ?? numbered?.[0];
  if (service === undefined || port === undefined) return [];
  const slices = fetch.by(tables.slicesByService, target.service);
  const found = new Map<string, EndpointAddress>();
  const add = (endpoint: EndpointAddress) => {
    const key = `${endpoint.address}|${endpoint.port}`;
    if (found.get(key)?.state !== 'healthy') found.set(key, endpoint);
  };
  for (const slice of slices) for (const endpoint of sliceEndpoints(slice, port)) add(endpoint);
  // Without a cluster nobody writes EndpointSlices: the Pods of the folder itself are the endpoints.
  if (slices.length === 0) for (const endpoint of podEndpoints(fetch, tables, service, port)) add(endpoint);
  return [...found.keys()].sort().map((key) => found.get(key) as EndpointAddress);
}

function* sliceEndpoints(slice: EndpointSlice, port: ServicePort): Generator<EndpointAddress> {
  const slicePort = slice.ports.find(
    (candidate) => candidate.name === port.name && candidate.protocol === port.protocol,
  );
  if (slicePort === undefined || slice.addressType === 'FQDN') return;
  const number = slicePort.port ?? (typeof port.targetPort === 'number' ? port.targetPort : port.port);
  for (const endpoint of slice.endpoints) {
    const { ready, serving, terminating } = endpoint.conditions;
    // Serving while terminating: open requests and sessions may finish there, new ones go elsewhere.
    const state = ready ? 'healthy' : serving && terminating ? 'draining' : undefined;
    const address = endpoint.addresses[0];
    if (state === undefined || address === undefined || isIP(address) === 0) continue;
    yield { address, port: number, state, ...(endpoint.hostname === undefined ? {} : { hostname: endpoint.hostname }) };
  }
}

function* podEndpoints(fetch: Fetch, tables: Tables, service: Service, port: ServicePort): Generator<EndpointAddress> {
  const selector = service.spec.selector;
  const pair = selector === undefined ? undefined : Object.entries(selector)[0];
  if (selector === undefined || pair === undefined) return;
  for (const pod of fetch.by(tables.podsByLabel, podLabelKey(service.metadata.namespace ?? '', ...pair))) {
    const address = pod.status.podIPs[0];
    if (address === undefined || isIP(address) === 0 || !matchesLabels(selector, pod.metadata.labels)) continue;
    if (pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed') continue;
    if (!pod.status.ready && !service.spec.publishNotReadyAddresses) continue;
    const number = podPort(pod, port);
    if (number !== undefined) yield { address, port: number, state: 'healthy' };
  }
}

function podPort(pod: Pod, port: ServicePort): number | undefined {
  if (typeof port.targetPort === 'number') return port.targetPort;
  for (const container of pod.spec.containers) {
    const named = container.ports.find(
      (candidate) => candidate.name === port.targetPort && candidate.protocol === port.protocol,
    );
    if (named !== undefined) return named.containerPort;
  }
  return undefined;
}
