import type { Diagnostic } from '../api/index.ts';
import { deriveBackends, deriveEndpoints, deriveSecrets } from '../mesh/backend/index.ts';
import { type EncodeOptions, encodeMesh } from '../mesh/envoy/index.ts';
import type { Resource } from '../mesh/envoy/resource.ts';
import { translateEnvoyConfig } from '../mesh/envoyconfig/index.ts';
import { translateGateway } from '../mesh/gateway/index.ts';
import { translateIngress } from '../mesh/ingress/index.ts';
import { createTables, type Tables } from '../mesh/inputs.ts';
import type {
  Backend,
  HttpRoute,
  Listener,
  LoadBalancerService,
  MeshOptions,
  ObjectStatus,
} from '../mesh/model/index.ts';
import { createRejections, derivePolicyLimits, deriveStatuses, type Rejections } from '../status/index.ts';
import { type Collection, Store, type StoreOptions } from '../store/index.ts';

export interface ControlPlaneOptions extends StoreOptions {
  readonly mesh: MeshOptions;
  readonly encode?: EncodeOptions;
  /** Unix socket of Envoy's admin interface, for CiliumEnvoyConfigs that route to `/envoy-admin`. */
  readonly adminSocket?: string;
  /** The Node of this control plane, for CiliumEnvoyConfigs that select nodes; absent: they count whatever they select. */
  readonly nodeName?: string;
  /** Policies are in force here, and nobody else says what of them is not. */
  readonly policies?: boolean;
}

/** Everything from source tables to Envoy resources and statuses: pure derivations, no I/O. */
export interface ControlPlane {
  readonly store: Store;
  readonly tables: Tables;
  readonly listeners: readonly Collection<Listener>[];
  readonly routes: readonly Collection<HttpRoute>[];
  /** A look-up of the routes that there are now by route table, at the cost of one pass over all: for people who ask. */
  readonly routesByTable: () => (table: string) => readonly HttpRoute[];
  readonly backends: Collection<Backend>;
  readonly resources: readonly Collection<Resource>[];
  readonly diagnostics: readonly Collection<readonly Diagnostic[]>[];
  readonly statuses: Collection<ObjectStatus>;
  /** Services that there should be, by `namespace/name`. */
  readonly services: Collection<LoadBalancerService>;
  readonly rejections: Rejections;
}

export function createControlPlane(options: ControlPlaneOptions): ControlPlane {
  const store = new Store(options);
  const tables = createTables(store);
  const rejections = createRejections(store);
  const ingress = translateIngress(store, tables, options.mesh);
  const gateway = translateGateway(store, tables, options.mesh);
  const config = translateEnvoyConfig(store, tables, {
    ...options.mesh,
    listeners: [ingress.listeners, gateway.listeners],
    ...(options.adminSocket === undefined ? {} : { adminSocketPath: options.adminSocket }),
    ...(options.nodeName === undefined ? {} : { nodeName: options.nodeName }),
  });
  const translators = [ingress, gateway];
  const users = [ingress, gateway, config];
  const backends = deriveBackends(
    store,
    users.map((outputs) => outputs.backends),
  );
  const endpoints = deriveEndpoints(store, tables, backends);
  const secrets = deriveSecrets(
    store,
    users.map((outputs) => outputs.secrets),
  );
  const listeners = store.derive<Listener, Listener>(
    translators.map((outputs) => outputs.listeners),
    { name: 'listeners', map: (_fetch, listener, name) => [[name, listener]] },
  );
  const routes = translators.map((outputs) => outputs.routes);
  const encoded = encodeMesh(store, { listeners, routes, backends, endpoints, secrets }, options.encode);
  return {
    store,
    tables,
    listeners: [listeners],
    routes,
    routesByTable: () => {
      const tables = Map.groupBy(
        routes.flatMap((collection) => [...collection.values()]),
        (route) => route.table,
      );
      return (table) => tables.get(table) ?? [];
    },
    backends,
    resources: [...encoded.all, config.resources],
    diagnostics: [
      ingress.diagnostics,
      gateway.diagnostics,
      config.diagnostics,
      ...encoded.diagnostics,
      rejections.diagnostics,
      ...(options.policies === true ? derivePolicyLimits(store, tables) : []),
    ],
    statuses: deriveStatuses(store, [ingress.statuses, gateway.statuses], rejections, tables),
    services: store.derive<LoadBalancerService, LoadBalancerService>(
      translators.map((outputs) => outputs.services),
      { name: 'services', map: (_fetch, service, key) => [[key, service]] },
    ),
    rejections,
  };
}
