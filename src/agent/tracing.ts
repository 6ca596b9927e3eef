import { isIP } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { type Cluster, Cluster_DiscoveryType, ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import { UpstreamTlsContextSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpProtocolOptionsSchema } from '../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { Fault } from '../lib/fault.ts';
import type { EncodeOptions } from '../mesh/envoy/index.ts';
import type { NodeOptions } from './node-options.ts';

const collector = 'otlp-collector';

export interface Tracing {
  /** The collector, for the bootstrap: it must be known before the first listener that exports to it. */
  readonly clusters: readonly Cluster[];
  readonly encode: Pick<EncodeOptions, 'tracing'>;
}

/**
 * Where spans go, from the flags.
 * @throws Fault OTLP_ENDPOINT where the endpoint is not an http or https URL
 */
export function tracingOf({ tracing }: Pick<NodeOptions, 'tracing'>, systemAuthorities: string): Tracing {
  if (tracing === undefined) return { clusters: [], encode: {} };
  const { protocol, serviceName, sampling } = tracing;
  const url = URL.canParse(tracing.endpoint) ? new URL(tracing.endpoint) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new Fault('OTLP_ENDPOINT', `${tracing.endpoint} is no http or https URL`, {
      hint: 'give the receiver as http://host:4317 (gRPC) or http://host:4318 (HTTP)',
    });
  }
  if (protocol === 'http' && url.pathname === '/') url.pathname = '/v1/traces';
  const exporter =
    protocol === 'grpc'
      ? ({ protocol, cluster: collector } as const)
      : ({ protocol, cluster: collector, uri: url.href } as const);
  return {
    clusters: [collectorCluster(url, protocol, systemAuthorities)],
    encode: { tracing: { exporter, serviceName, sampling } },
  };
}

function collectorCluster(url: URL, protocol: 'grpc' | 'http', systemAuthorities: string): Cluster {
  const tls = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port) || (tls ? 443 : protocol === 'grpc' ? 4317 : 4318);
  const http2 = { protocolConfig: { case: 'http2ProtocolOptions' as const, value: {} } };
  return create(ClusterSchema, {
    name: collector,
    clusterDiscoveryType: {
      case: 'type',
      value: isIP(host) === 0 ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.STATIC,
    },
    connectTimeout: { seconds: 2n },
    loadAssignment: {
      clusterName: collector,
      endpoints: [
        {
          lbEndpoints: [
            {
              hostIdentifier: {
                case: 'endpoint',
                value: {
                  address: {
                    address: {
                      case: 'socketAddress',
                      value: { address: host, portSpecifier: { case: 'portValue', value: port } },
                    },
                  },
                },
              },
            },
          ],
        },
      ],
    },
    ...(protocol === 'http'
      ? {}
      : {
          typedExtensionProtocolOptions: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': anyPack(
              HttpProtocolOptionsSchema,
              create(HttpProtocolOptionsSchema, {
                upstreamProtocolOptions: { case: 'explicitHttpConfig', value: http2 },
              }),
            ),
          },
        }),
    ...(!tls
      ? {}
      : {
          transportSocket: {
            name: 'envoy.transport_sockets.tls',
            configType: {
              case: 'typedConfig',
              value: anyPack(
                UpstreamTlsContextSchema,
                create(UpstreamTlsContextSchema, {
                  sni: host,
                  commonTlsContext: {
                    validationContextType: {
                      case: 'validationContext',
                      value: { trustedCa: { specifier: { case: 'filename', value: systemAuthorities } } },
                    },
                  },
                }),
              ),
            },
          },
        }),
  });
}
