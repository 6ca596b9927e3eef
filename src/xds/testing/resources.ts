import { hash } from 'node:crypto';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type Cluster, Cluster_DiscoveryType, ClusterSchema } from '../../gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ApiVersion, ConfigSourceSchema } from '../../gen/envoy/config/core/v3/config_source_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.ts';
import type { VirtualHostSchema } from '../../gen/envoy/config/route/v3/route_components_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '../../gen/envoy/config/route/v3/route_pb.ts';
import { ScopedRouteConfigurationSchema } from '../../gen/envoy/config/route/v3/scoped_route_pb.ts';
import type { Fragment, Resource, ResourceType } from '../../mesh/envoy/resource.ts';

/** Small real resources for tests. */

export const ads = create(ConfigSourceSchema, {
  configSourceSpecifier: { case: 'ads', value: {} },
  resourceApiVersion: ApiVersion.V3,
});

export function resourceOf<D extends DescMessage>(
  type: ResourceType,
  name: string,
  schema: D,
  init: MessageInitShape<D>,
): Resource {
  const body = toBinary(schema, create(schema, init));
  return { type, name, body, version: versionOf(body), origins: [{ group: '', kind: 'Test', name }] };
}

/** `label` makes otherwise equal resources differ. */
export function cluster(name: string, label = '', init: MessageInitShape<typeof ClusterSchema> = {}): Resource {
  const eds: MessageInitShape<typeof ClusterSchema> = {
    name,
    altStatName: label,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: ads, serviceName: `${name}-eds` },
  };
  return resourceOf('clusters', name, ClusterSchema, { ...eds, ...init } as Cluster);
}

/** `ports` on 127.0.0.1. */
export function endpoints(cluster: string, ...ports: number[]): Resource {
  const name = `${cluster}-eds`;
  const lbEndpoints = ports.map((port) => ({
    hostIdentifier: {
      case: 'endpoint' as const,
      value: {
        address: {
          address: {
            case: 'socketAddress' as const,
            value: { address: '127.0.0.1', portSpecifier: { case: 'portValue' as const, value: port } },
          },
        },
      },
    },
  }));
  return resourceOf('endpoints', name, ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: [{ lbEndpoints }],
  });
}

export function listener(name: string, init: MessageInitShape<typeof ListenerSchema> = {}): Resource {
  return resourceOf('listeners', name, ListenerSchema, { ...init, name } as MessageInitShape<typeof ListenerSchema>);
}

export function scope(name: string, table: string): Resource {
  return resourceOf('scoped-routes', name, ScopedRouteConfigurationSchema, {
    name,
    routeConfigurationName: table,
    key: { fragments: [{ type: { case: 'stringKey', value: name } }] },
  });
}

export type VirtualHostInit = MessageInitShape<typeof VirtualHostSchema> & { name: string };

/** A virtual host whose one route goes to a cluster; `regex` in place of the prefix `/`. */
export function virtualHost(name: string, target: string, regex?: string): VirtualHostInit {
  return {
    name,
    domains: [name],
    routes: [
      {
        match: {
          pathSpecifier: regex === undefined ? { case: 'prefix', value: '/' } : { case: 'safeRegex', value: { regex } },
        },
        action: { case: 'route', value: { clusterSpecifier: { case: 'cluster', value: target } } },
      },
    ],
  };
}

/** A route table with a fragment for each virtual host. */
export function routeTable(name: string, hosts: readonly VirtualHostInit[]): Resource {
  const part = (init: Partial<RouteConfiguration> | { virtualHosts: VirtualHostInit[] }) =>
    toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, init as RouteConfiguration));
  const head = part({ name });
  const fragments = hosts.map(
    (host): Fragment => ({
      key: host.name,
      bytes: part({ virtualHosts: [host] }),
      origins: [{ group: '', kind: 'Test', name: host.name }],
    }),
  );
  const body = Buffer.concat([head, ...fragments.map(({ bytes }) => bytes)]);
  return { type: 'routes', name, body, head, fragments, version: versionOf(body), origins: [] };
}

function versionOf(body: Uint8Array): string {
  return hash('sha256', body, 'base64url').slice(0, 22);
}
