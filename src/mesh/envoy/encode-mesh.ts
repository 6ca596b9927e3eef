import type { Diagnostic } from '../../api/diagnostic.ts';
import { ClusterSchema } from '../../gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.ts';
import type { Collection, DerivedCollection, Store } from '../../store/index.ts';
import type { Backend, Endpoints, HttpRoute, Listener, SecretMaterial } from '../model/index.ts';
import { type Attempt, attempt, attemptedResources, deriveDiagnostics, sameAttempt } from './attempt.ts';
import { backendToCluster, clusterTypes } from './clusters.ts';
import { deriveEndpointResources } from './endpoints.ts';
import { deriveHosts } from './hosts.ts';
import { listenerToEnvoy, listenerTypes } from './listeners.ts';
import { defaultEncodeOptions, type EncodeOptions } from './options.ts';
import type { Resource } from './resource.ts';
import { deriveBuckets, deriveLayouts, type TableLayout } from './route-layout.ts';
import { deriveRouteTables } from './route-table.ts';
import { deriveSecrets } from './secrets.ts';
import { deriveTableUses } from './table-use.ts';

export interface MeshInputs {
  readonly listeners: Collection<Listener>;
  readonly routes: readonly Collection<HttpRoute>[];
  readonly backends: Collection<Backend>;
  readonly endpoints: Collection<Endpoints>;
  readonly secrets: Collection<SecretMaterial>;
}

/** Each keyed by the resources' names. */
export interface EnvoyResources {
  readonly listeners: Collection<Resource>;
  readonly scopedRoutes: Collection<Resource>;
  readonly routes: Collection<Resource>;
  readonly clusters: Collection<Resource>;
  readonly endpoints: Collection<Resource>;
  readonly secrets: Collection<Resource>;
  /** All of the above. */
  readonly all: readonly Collection<Resource>[];
  /** What was left out because Envoy would refuse it, by `refKey` of the object it came from. */
  readonly diagnostics: readonly Collection<readonly Diagnostic[]>[];
  /** How each route table is cut up: for `status` and metrics. */
  readonly layouts: Collection<TableLayout>;
}

/** The model as Envoy resources, each encoded once; a change costs the resources that it touches. */
export function encodeMesh(
  store: Store,
  inputs: MeshInputs,
  options: EncodeOptions = defaultEncodeOptions,
): EnvoyResources {
  const uses = deriveTableUses(store, inputs.listeners);
  const hosts = deriveHosts(store, inputs.routes, uses, { traced: options.tracing !== undefined });
  const { buckets, byTable } = deriveBuckets(store, hosts, options);
  const layouts = deriveLayouts(store, uses, byTable, options);
  const { routes, scopes } = deriveRouteTables(store, layouts, buckets, byTable, options);
  const clusterAttempts = deriveClusters(store, inputs.backends, options);
  const listenerAttempts = deriveListeners(store, inputs.listeners, layouts, options);
  const clusters = attemptedResources(store, 'cluster-resources', clusterAttempts);
  const listeners = attemptedResources(store, 'listener-resources', listenerAttempts);
  const endpoints = deriveEndpointResources(store, inputs.backends, inputs.endpoints);
  const secrets = deriveSecrets(store, inputs.secrets);
  return {
    listeners,
    scopedRoutes: scopes,
    routes,
    clusters,
    endpoints,
    secrets,
    all: [clusters, endpoints, secrets, routes, scopes, listeners],
    diagnostics: [
      deriveDiagnostics(store, 'route-encoding-diagnostics', hosts),
      deriveDiagnostics(store, 'cluster-encoding-diagnostics', clusterAttempts),
      deriveDiagnostics(store, 'listener-encoding-diagnostics', listenerAttempts),
    ],
    layouts,
  };
}

function deriveClusters(
  store: Store,
  backends: Collection<Backend>,
  options: EncodeOptions,
): DerivedCollection<Attempt> {
  return store.derive<Backend, Attempt>(backends, {
    name: 'cluster-attempts',
    equal: sameAttempt,
    map: (_fetch, backend) => {
      const cluster = backendToCluster(backend, options);
      return [[backend.name, attempt('clusters', backend.name, ClusterSchema, cluster, backend.origins, clusterTypes)]];
    },
  });
}

function deriveListeners(
  store: Store,
  listeners: Collection<Listener>,
  layouts: Collection<TableLayout>,
  options: EncodeOptions,
): DerivedCollection<Attempt> {
  return store.derive<Listener, Attempt>(listeners, {
    name: 'listener-attempts',
    equal: sameAttempt,
    map: (fetch, listener) => {
      const problems: string[] = [];
      const lookup = (table: string) => fetch.get(layouts, table)?.lookup ?? 0;
      const encoded = listenerToEnvoy(listener, { lookup, options, problems });
      const { name, origins } = listener;
      return [[name, attempt('listeners', name, ListenerSchema, encoded, origins, listenerTypes, problems)]];
    },
  });
}
