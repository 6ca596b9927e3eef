import { createRegistry, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type ClusterSchema,
  Cluster_DiscoveryType as DiscoveryType,
  Cluster_DnsLookupFamily as DnsLookupFamily,
  Cluster_LbPolicy as LbPolicy,
} from '../../gen/envoy/config/cluster/v3/cluster_pb.ts';
import { HealthStatus } from '../../gen/envoy/config/core/v3/health_check_pb.ts';
import { UpstreamTlsContextSchema } from '../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpProtocolOptionsSchema } from '../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { pack } from '../../lib/protobuf-encode.ts';
import type { Backend } from '../model/index.ts';
import { ads, duration } from './config.ts';
import type { EncodeOptions } from './options.ts';
import { defaultRetry } from './routes/retry.ts';
import { upstreamTls } from './tls.ts';

type Cluster = MessageInitShape<typeof ClusterSchema>;

export const clusterTypes = createRegistry(UpstreamTlsContextSchema, HttpProtocolOptionsSchema);

const connectTimeout = duration(5_000);
const unlimited = 0xffff_ffff;

/** What all clusters share. */
const common = {
  connectTimeout,
  // Limits belong to who runs the backend: Envoy's default of 1,024 would answer 503 where the backend could still serve.
  circuitBreakers: {
    thresholds: [
      { maxConnections: unlimited, maxPendingRequests: unlimited, maxRequests: unlimited, maxRetries: 1_024 },
    ],
  },
  // Finds peers that vanished without a word: seconds of silence, then probes.
  upstreamConnectionOptions: { tcpKeepalive: { keepaliveTime: 60, keepaliveInterval: 10, keepaliveProbes: 3 } },
} satisfies Cluster;

/**
 * An endpoint that leaves the list gets nothing new and finishes what it has: that is what Envoy does by default, so no
 * `close_connections_on_host_health_failure` here.
 */
export function backendToCluster(backend: Backend, options: Pick<EncodeOptions, 'systemAuthorities'>): Cluster {
  const cluster: Cluster = {
    ...common,
    name: backend.name,
    // Requests differ in cost, and streams last: whoever has least to do gets the next one. Datagrams have no such measure.
    lbPolicy: backend.clientAffinity
      ? LbPolicy.RING_HASH
      : backend.protocol === 'udp'
        ? LbPolicy.ROUND_ROBIN
        : LbPolicy.LEAST_REQUEST,
    commonLbConfig: {
      // Kubernetes says who is ready. Sending requests to others because there are few of those is wrong.
      healthyPanicThreshold: { value: 0 },
      overrideHostStatus: {
        statuses: [HealthStatus.UNKNOWN, HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.DRAINING],
      },
      ...(weighted(backend) ? { localityConfigSpecifier: { case: 'localityWeightedLbConfig', value: {} } } : {}),
    },
  };
  Object.assign(cluster, discovery(backend));
  if (backend.tls !== undefined)
    cluster.transportSocket = upstreamTls(backend.tls, backend.protocol, options.systemAuthorities);
  const protocol = protocolOptions(backend);
  if (protocol !== undefined) cluster.typedExtensionProtocolOptions = { [httpProtocolOptions]: protocol };
  return cluster;
}

const httpProtocolOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

const weighted = ({ discovery }: Backend) => discovery.type === 'endpoints' && discovery.targets.length > 1;

function discovery(backend: Backend) {
  if (backend.discovery.type === 'endpoints')
    return {
      clusterDiscoveryType: { case: 'type', value: DiscoveryType.EDS },
      // By a name of its own: clusters that share an assignment are not all told when it comes.
      edsClusterConfig: { edsConfig: ads, serviceName: backend.name },
    } satisfies Cluster;
  const { hostname, port } = backend.discovery;
  return {
    clusterDiscoveryType: { case: 'type', value: DiscoveryType.STRICT_DNS },
    dnsLookupFamily: DnsLookupFamily.V4_PREFERRED,
    respectDnsTtl: true,
    loadAssignment: {
      clusterName: backend.name,
      endpoints: [
        {
          lbEndpoints: [
            {
              hostIdentifier: {
                case: 'endpoint',
                value: {
                  hostname,
                  address: {
                    address: {
                      case: 'socketAddress',
                      value: { address: hostname, portSpecifier: { case: 'portValue', value: port } },
                    },
                  },
                },
              },
            },
          ],
        },
      ],
    },
  } satisfies Cluster;
}

type Spoken = NonNullable<MessageInitShape<typeof HttpProtocolOptionsSchema>['upstreamProtocolOptions']>;

const http1: Spoken = {
  case: 'explicitHttpConfig',
  value: { protocolConfig: { case: 'httpProtocolOptions', value: {} } },
};
const http2: Spoken = {
  case: 'explicitHttpConfig',
  value: { protocolConfig: { case: 'http2ProtocolOptions', value: {} } },
};
const byAlpn: Spoken = { case: 'autoConfig', value: { httpProtocolOptions: {}, http2ProtocolOptions: {} } };

/**
 * What is spoken to the backend, and how its requests are hashed and tried again: said once here, as every route would have
 * to say the same (at 100,000 routes that cost Envoy a third of its loading time and 100 MB).
 */
function protocolOptions({ protocol, tls, clientAffinity, ownRetries }: Backend) {
  if (protocol === 'tcp' || protocol === 'udp') return undefined;
  return pack(HttpProtocolOptionsSchema, {
    upstreamProtocolOptions: protocol === 'http2' ? http2 : protocol === 'auto' && tls !== undefined ? byAlpn : http1,
    ...(clientAffinity
      ? { hashPolicy: [{ policySpecifier: { case: 'connectionProperties', value: { sourceIp: true } } }] }
      : {}),
    ...(ownRetries ? {} : { retryPolicy: defaultRetry }),
  });
}
