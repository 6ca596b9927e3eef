import { type Diagnostic, formatRef, matchesSelector } from '../../api/index.ts';
import { Cluster_DiscoveryType, ClusterSchema } from '../../gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { Collection, Fetch, Store } from '../../store/index.ts';
import { makeResource, sameResource } from '../envoy/make-resource.ts';
import type { Resource } from '../envoy/resource.ts';
import type { Tables } from '../inputs.ts';
import type { Backend, Listener, MeshOptions, SecretUse } from '../model/index.ts';
import { compileEnvoyConfig } from './compile.ts';
import type { Compiled } from './compiled.ts';
import { needEndpoints } from './endpoints.ts';
import { adminCluster, type EnvoyConfigObject } from './names.ts';
import { placeEnvoyConfig, type Redirect } from './placed.ts';
import { type PlaceAsk, type PortRange, placeListeners, type TakenBind } from './ports.ts';
import { isPublished } from './published.ts';

export interface EnvoyConfigOptions {
  /** The Node whose labels `nodeSelector` is matched against. Absent: every object is ours, there is but one node. */
  readonly nodeName?: string;
  /** Envoy's admin socket, for the cluster `/envoy-admin`. Absent: there is no such cluster. */
  readonly adminSocketPath?: string;
  /** For listeners without an address; default 10000 to 20000. */
  readonly ports?: PortRange;
  /** Of the other translators: their addresses are taken before any CiliumEnvoyConfig gets one. */
  readonly listeners?: readonly Collection<Listener>[];
}

export interface EnvoyConfigOutputs {
  /** By `type/name`: all of it but what `backends` and `secrets` come to. */
  readonly resources: Collection<Resource>;
  /** Services that an object lists and routes to without a Cluster of its own; they have names of the object. */
  readonly backends: Collection<Backend>;
  /** Secrets and bundles of Kubernetes that SDS has to serve. */
  readonly secrets: Collection<SecretUse>;
  /** Of Services to listeners, for the datapath. */
  readonly redirects: Collection<Redirect>;
  /** By `refKey` of the object. */
  readonly diagnostics: Collection<readonly Diagnostic[]>;
}

/**
 * CiliumEnvoyConfig and CiliumClusterwideEnvoyConfig to Envoy. Each object is compiled by itself; only the ports of listeners
 * are settled among all of them. A change of endpoints reaches its own ClusterLoadAssignment and nothing else.
 */
export function translateEnvoyConfig(
  store: Store,
  tables: Tables,
  options: MeshOptions & EnvoyConfigOptions,
): EnvoyConfigOutputs {
  const compiled = store.derive<EnvoyConfigObject, Compiled>(
    // Read only, so a table of one kind serves as one of either.
    [tables.CiliumEnvoyConfig, tables.CiliumClusterwideEnvoyConfig] as unknown as Collection<EnvoyConfigObject>[],
    {
      name: 'envoyconfig',
      map: (fetch, object) => {
        if (isPublished(object) || !isHere(fetch, tables, object, options.nodeName)) return [];
        const result = compileEnvoyConfig(object);
        return [[result.key, result]];
      },
    },
  );
  const places = derivePlaces(store, compiled, options);
  const placed = store.derive(compiled, {
    name: 'envoyconfig-placed',
    map: (fetch, value: Compiled, key) => {
      const around = { tables, places, admin: options.adminSocketPath !== undefined };
      return [[key, placeEnvoyConfig(fetch, value, around)]];
    },
  });
  const needs = store.derive(compiled, {
    name: 'envoyconfig-endpoint-needs',
    map: (_fetch, value: Compiled) => value.endpoints.map((need) => [`endpoints/${need.cluster}`, need] as const),
  });
  const endpoints = store.derive(needs, {
    name: 'envoyconfig-endpoints',
    equal: sameResource,
    map: (fetch, need, key) => [[key, needEndpoints(fetch, tables, need)]],
  });
  const own = store.derive(placed, {
    name: 'envoyconfig-own',
    equal: sameResource,
    map: (_fetch, value) => value.resources.map((resource) => [`${resource.type}/${resource.name}`, resource] as const),
  });
  const admin = deriveAdmin(store, compiled, options.adminSocketPath);
  return {
    resources: store.derive<Resource, Resource>([own, endpoints, admin], {
      name: 'envoyconfig-resources',
      equal: sameResource,
      map: (_fetch, resource, key) => [[key, resource]],
    }),
    backends: store.derive(placed, {
      name: 'envoyconfig-backends',
      map: (_fetch, value) => value.backends.map((backend) => [`envoyconfig/${backend.name}`, backend] as const),
    }),
    secrets: store.derive(placed, {
      name: 'envoyconfig-secrets',
      map: (_fetch, value, key) => value.secrets.map((use) => [`envoyconfig/${key}/${use.secret.name}`, use] as const),
    }),
    redirects: store.derive(placed, {
      name: 'envoyconfig-redirects',
      map: (_fetch, value, key) => value.redirects.map((redirect, i) => [`${key}/${i}`, redirect] as const),
    }),
    diagnostics: store.derive(placed, {
      name: 'envoyconfig-diagnostics',
      map: (_fetch, value, key) => (value.diagnostics.length === 0 ? [] : [[key, value.diagnostics]]),
    }),
  };
}

function isHere(fetch: Fetch, tables: Tables, object: EnvoyConfigObject, nodeName: string | undefined): boolean {
  const selector = object.spec.nodeSelector;
  if (selector === undefined || nodeName === undefined) return true;
  const node = fetch.get(tables.Node, nodeName);
  return node !== undefined && matchesSelector(selector, node.metadata.labels);
}

function derivePlaces(store: Store, compiled: Collection<Compiled>, options: MeshOptions & EnvoyConfigOptions) {
  const asks = store.derive(compiled, {
    name: 'envoyconfig-asks',
    map: (_fetch, { listeners, ref, created }: Compiled) =>
      listeners.map(({ name, binds, transport }): [string, PlaceAsk] => [
        name,
        { name, created, owner: formatRef(ref), binds, transport },
      ]),
  });
  // Only the addresses of other listeners matter here, and these seldom change.
  const taken = (options.listeners ?? []).map((listeners, i) =>
    store.derive<Listener, TakenBind>(listeners, {
      name: `envoyconfig-taken-${i}`,
      map: (_fetch, { bind, origins }, name) => [
        [name, { ...bind, owner: origins[0] === undefined ? name : formatRef(origins[0]) }],
      ],
    }),
  );
  return store.group(
    asks.index('all', () => 'all'),
    {
      name: 'envoyconfig-places',
      map: (fetch, members) =>
        placeListeners(
          members,
          taken.flatMap((collection) => fetch.all(collection)),
          options.address,
          options.ports,
        ),
    },
  );
}

/** The cluster of Envoy's admin interface, while any object uses it. */
function deriveAdmin(store: Store, compiled: Collection<Compiled>, path: string | undefined): Collection<Resource> {
  return store.group(
    compiled.index('admin', (value) => (value.admin ? adminCluster : undefined)),
    {
      name: 'envoyconfig-admin',
      equal: sameResource,
      map: (_fetch, members) => {
        if (path === undefined) return [];
        const endpoint = { address: { address: { case: 'pipe' as const, value: { path } } } };
        const message = {
          name: adminCluster,
          clusterDiscoveryType: { case: 'type' as const, value: Cluster_DiscoveryType.STATIC },
          connectTimeout: { seconds: 5n },
          loadAssignment: {
            clusterName: adminCluster,
            endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: 'endpoint' as const, value: endpoint } }] }],
          },
        };
        const origins = members.map((member) => member.ref).sort((a, b) => (formatRef(a) < formatRef(b) ? -1 : 1));
        return [[`clusters/${adminCluster}`, makeResource('clusters', adminCluster, ClusterSchema, message, origins)]];
      },
    },
  );
}
