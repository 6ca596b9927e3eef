import {
  create,
  createRegistry,
  type DescMessage,
  type JsonObject,
  type MessageInitShape,
  toJson,
} from '@bufbuild/protobuf';
import { anyPack, type Duration, DurationSchema } from '@bufbuild/protobuf/wkt';
import { type Bootstrap, BootstrapSchema } from '../gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { type Cluster, Cluster_DiscoveryType, type ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { AddressSchema } from '../gen/envoy/config/core/v3/address_pb.ts';
import {
  ApiConfigSource_ApiType,
  ApiVersion,
  type ConfigSourceSchema,
} from '../gen/envoy/config/core/v3/config_source_pb.ts';
import { InternalListenerSchema } from '../gen/envoy/extensions/bootstrap/internal_listener/v3/internal_listener_pb.ts';
import { DownstreamConnectionsConfigSchema } from '../gen/envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections_pb.ts';
import { UpstreamTlsContextSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpProtocolOptionsSchema } from '../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { Fault } from '../lib/fault.ts';
import { type StatsMode, statsConfig } from './stats-config.ts';

/** The cluster that carries ADS; also what an `envoy_grpc` config source of a resource may name. */
export const xdsClusterName = 'xds';

/**
 * The largest compiled regular expression that Envoy accepts (RE2 program size; Envoy's own default, 100, is too small for
 * paths in use). Above all that `checkRegex` (`lib/regex.ts`) lets through, so that users hear of it from there.
 */
export const maxRegexProgramSize = 131_072;

export interface BootstrapOptions {
  readonly node: {
    readonly id: string;
    readonly cluster: string;
    readonly locality?: { readonly region?: string; readonly zone?: string; readonly subZone?: string };
    readonly metadata?: JsonObject;
  };
  /** Unix socket of our ADS server. */
  readonly xdsSocket: string;
  /** Unix socket, mode 0600, on which Envoy's admin interface will listen. */
  readonly adminSocket: string;
  /** `minimal` (the default) leaves out statistics per cluster, virtual host and route table. */
  readonly stats?: StatsMode;
  /** Connections beyond this are refused. 50,000 by default. */
  readonly maxDownstreamConnections?: number;
  /** Clusters that exist before and without ADS, such as the telemetry collector's. */
  readonly clusters?: readonly Cluster[];
  /** Message types inside `clusters` (Any) other than HttpProtocolOptions and UpstreamTlsContext. */
  readonly types?: readonly DescMessage[];
}

/**
 * Envoy's bootstrap: everything by delta ADS over one Unix socket, admin on another.
 * @throws Fault SOCKET_PATH_TOO_LONG
 */
export function bootstrap(options: BootstrapOptions): Bootstrap {
  const { node, xdsSocket, adminSocket, stats = 'minimal', maxDownstreamConnections = 50_000, clusters = [] } = options;
  return create(BootstrapSchema, {
    node: {
      id: node.id,
      cluster: node.cluster,
      ...(node.locality && { locality: node.locality }),
      ...(node.metadata && { metadata: node.metadata }),
    },
    staticResources: { clusters: [xdsCluster(xdsSocket), ...clusters] },
    dynamicResources: {
      adsConfig: {
        apiType: ApiConfigSource_ApiType.DELTA_GRPC,
        transportApiVersion: ApiVersion.V3,
        setNodeOnFirstMessageOnly: true,
        grpcServices: [
          {
            targetSpecifier: {
              case: 'envoyGrpc',
              // A restarted control plane is found again at once, not after Envoy's default of up to 30 s.
              value: {
                clusterName: xdsClusterName,
                retryPolicy: { retryBackOff: { baseInterval: milliseconds(50), maxInterval: milliseconds(1000) } },
              },
            },
          },
        ],
      },
      ldsConfig: overAds(),
      cdsConfig: overAds(),
    },
    admin: { address: pipe(adminSocket, 0o600), ignoreGlobalConnLimit: true },
    layeredRuntime: {
      layers: [
        {
          name: 'sluice',
          layerSpecifier: {
            case: 'staticLayer',
            value: {
              're2.max_program_size.error_level': maxRegexProgramSize,
              // Spans go out after a second, not five, and by the hundred instead of an export for every five.
              'tracing.opentelemetry.flush_interval_ms': 1000,
              'tracing.opentelemetry.min_flush_spans': 100,
            },
          },
        },
        // Lets an operator change runtime values through admin.
        { name: 'admin', layerSpecifier: { case: 'adminLayer', value: {} } },
      ],
    },
    overloadManager: {
      resourceMonitors: [
        {
          name: 'envoy.resource_monitors.global_downstream_max_connections',
          configType: {
            case: 'typedConfig',
            value: anyPack(
              DownstreamConnectionsConfigSchema,
              create(DownstreamConnectionsConfigSchema, {
                maxActiveDownstreamConnections: BigInt(maxDownstreamConnections),
              }),
            ),
          },
        },
      ],
    },
    // With thousands of clusters the periodic flush holds up the main thread for up to a second, and we have no sink:
    // /stats and /stats/prometheus read the live values either way.
    statsFlush: { case: 'statsFlushOnAdmin', value: true },
    deferredStatOptions: { enableDeferredCreationStats: true },
    statsConfig: statsConfig(stats, [xdsClusterName, ...clusters.map(({ name }) => name)]),
    bootstrapExtensions: [
      {
        name: 'envoy.bootstrap.internal_listener',
        typedConfig: anyPack(InternalListenerSchema, create(InternalListenerSchema)),
      },
    ],
  });
}

/** The bootstrap as Envoy reads it from a `.json` file. */
export function bootstrapJson(options: BootstrapOptions): JsonObject {
  const registry = createRegistry(
    BootstrapSchema,
    InternalListenerSchema,
    DownstreamConnectionsConfigSchema,
    HttpProtocolOptionsSchema,
    UpstreamTlsContextSchema,
    ...(options.types ?? []),
  );
  return toJson(BootstrapSchema, bootstrap(options), { registry, useProtoFieldName: true }) as JsonObject;
}

function xdsCluster(socket: string): MessageInitShape<typeof ClusterSchema> {
  return {
    name: xdsClusterName,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    connectTimeout: milliseconds(1000),
    typedExtensionProtocolOptions: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': anyPack(
        HttpProtocolOptionsSchema,
        create(HttpProtocolOptionsSchema, {
          upstreamProtocolOptions: {
            case: 'explicitHttpConfig',
            value: {
              protocolConfig: {
                case: 'http2ProtocolOptions',
                value: { connectionKeepalive: { interval: milliseconds(30_000), timeout: milliseconds(5000) } },
              },
            },
          },
        }),
      ),
    },
    loadAssignment: {
      clusterName: xdsClusterName,
      endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: { address: pipe(socket) } } }] }],
    },
  };
}

/** No fetch timeout: a node with no configuration yet must not report itself ready. */
function overAds(): MessageInitShape<typeof ConfigSourceSchema> {
  return {
    resourceApiVersion: ApiVersion.V3,
    initialFetchTimeout: milliseconds(0),
    configSourceSpecifier: { case: 'ads', value: {} },
  };
}

function pipe(path: string, mode = 0): MessageInitShape<typeof AddressSchema> {
  // sockaddr_un holds 108 bytes, the closing NUL among them (unix(7)).
  if (Buffer.byteLength(path) > 107) {
    throw new Fault(
      'SOCKET_PATH_TOO_LONG',
      `the Unix socket path ${path} has ${Buffer.byteLength(path)} bytes, at most 107 fit`,
      {
        hint: 'use a state directory with a shorter path',
      },
    );
  }
  return { address: { case: 'pipe', value: { path, mode } } };
}

function milliseconds(value: number): Duration {
  return create(DurationSchema, { seconds: BigInt(Math.floor(value / 1000)), nanos: (value % 1000) * 1_000_000 });
}
