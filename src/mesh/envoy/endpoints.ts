import type { MessageInitShape } from '@bufbuild/protobuf';
import { HealthStatus } from '../../gen/envoy/config/core/v3/health_check_pb.ts';
import type {
  LbEndpointSchema,
  LocalityLbEndpointsSchema,
} from '../../gen/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import type { Collection, DerivedCollection, Store } from '../../store/index.ts';
import type { Backend, EndpointAddress, Endpoints, Locality } from '../model/index.ts';
import { makeResource, sameResource } from './make-resource.ts';
import type { Resource } from './resource.ts';

/**
 * One assignment for each backend with `endpoints` discovery, empty where nothing is known: Envoy holds back a cluster, and
 * its answer to all the others of the same response, until the assignment has come.
 */
export function deriveEndpointResources(
  store: Store,
  backends: Collection<Backend>,
  endpoints: Collection<Endpoints>,
): DerivedCollection<Resource> {
  return store.derive<Backend, Resource>(backends, {
    name: 'endpoint-resources',
    equal: sameResource,
    map: (fetch, backend) => {
      if (backend.discovery.type !== 'endpoints') return [];
      const localities = fetch.get(endpoints, backend.name)?.localities ?? [];
      return [[backend.name, endpointsToEnvoy(backend, localities)]];
    },
  });
}

export function endpointsToEnvoy(backend: Pick<Backend, 'name' | 'origins'>, all: readonly Locality[]): Resource {
  const localities = all.filter((locality) => locality.weight > 0 && locality.endpoints.length > 0);
  const anyHealthy = localities.some(({ endpoints }) => endpoints.some(({ state }) => state === 'healthy'));
  return makeResource(
    'endpoints',
    backend.name,
    ClusterLoadAssignmentSchema,
    {
      clusterName: backend.name,
      endpoints: localities.map((locality): MessageInitShape<typeof LocalityLbEndpointsSchema> => {
        const lbEndpoints = locality.endpoints.map((endpoint) => lbEndpoint(endpoint, anyHealthy));
        // One alone needs no weight; several need names of their own, or Envoy takes them for one.
        if (all.length === 1) return { lbEndpoints };
        const subZone = String(all.indexOf(locality));
        return { locality: { subZone }, loadBalancingWeight: locality.weight, lbEndpoints };
      }),
    },
    backend.origins,
  );
}

/**
 * Draining endpoints get nothing new, but sessions that stick to them, unless no other is left (as kube-proxy has it,
 * KEP-1669).
 */
function lbEndpoint(endpoint: EndpointAddress, anyHealthy: boolean): MessageInitShape<typeof LbEndpointSchema> {
  const { address, port, hostname } = endpoint;
  return {
    hostIdentifier: {
      case: 'endpoint',
      value: {
        address: {
          address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } },
        },
        ...(hostname === undefined ? {} : { hostname }),
      },
    },
    ...(endpoint.state === 'draining' && anyHealthy ? { healthStatus: HealthStatus.DRAINING } : {}),
  };
}
