import type { MessageInitShape } from '@bufbuild/protobuf';
import { TcpProxySchema } from '../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { RouteSchema } from '../../gen/envoy/extensions/filters/udp/udp_proxy/v3/route_pb.ts';
import { UdpProxyConfigSchema } from '../../gen/envoy/extensions/filters/udp/udp_proxy/v3/udp_proxy_pb.ts';
import { pack } from '../../lib/protobuf-encode.ts';
import type { StreamChain } from '../model/index.ts';
import { missingCluster } from './config.ts';
import { accessLog } from './observability.ts';
import type { EncodeOptions } from './options.ts';

/** Bytes of a connection to a backend. A share whose backend is missing is closed at once. */
export function tcpProxy(statPrefix: string, chain: StreamChain, options: EncodeOptions) {
  const backends = chain.backends.filter(({ weight }) => weight > 0);
  const config: MessageInitShape<typeof TcpProxySchema> = {
    statPrefix,
    clusterSpecifier:
      backends.length > 1
        ? {
            case: 'weightedClusters',
            value: { clusters: backends.map(({ backend, weight }) => ({ name: backend ?? missingCluster, weight })) },
          }
        : { case: 'cluster', value: backends[0]?.backend ?? missingCluster },
    // Asked for only by clusters with client affinity.
    hashPolicy: [{ policySpecifier: { case: 'sourceIp', value: {} } }],
    accessLog: accessLog(options.accessLog, 'connection'),
  };
  return {
    name: 'envoy.filters.network.tcp_proxy',
    configType: { case: 'typedConfig' as const, value: pack(TcpProxySchema, config) },
  };
}

/** Datagrams. One backend: weights among several are its localities' (`EndpointTarget.weight`), as Envoy can't split here. */
export function udpProxy(statPrefix: string, chain: StreamChain, options: EncodeOptions) {
  const cluster = chain.backends.find(({ weight }) => weight > 0)?.backend ?? missingCluster;
  const config: MessageInitShape<typeof UdpProxyConfigSchema> = {
    statPrefix,
    routeSpecifier: {
      case: 'matcher',
      value: {
        onNoMatch: {
          onMatch: { case: 'action', value: { name: 'route', typedConfig: pack(RouteSchema, { cluster }) } },
        },
      },
    },
    hashPolicies: [{ policySpecifier: { case: 'sourceIp', value: true } }],
    accessLog: accessLog(options.accessLog, 'connection'),
  };
  return {
    name: 'envoy.filters.udp_listener.udp_proxy',
    configType: { case: 'typedConfig' as const, value: pack(UdpProxyConfigSchema, config) },
  };
}
