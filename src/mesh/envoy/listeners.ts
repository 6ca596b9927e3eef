import { createRegistry, type MessageInitShape } from '@bufbuild/protobuf';
import { SocketAddress_Protocol as Protocol } from '../../gen/envoy/config/core/v3/address_pb.ts';
import { TrafficDirection } from '../../gen/envoy/config/core/v3/base_pb.ts';
import type { SocketOptionSchema } from '../../gen/envoy/config/core/v3/socket_option_pb.ts';
import type {
  FilterChainSchema,
  ListenerFilterSchema,
} from '../../gen/envoy/config/listener/v3/listener_components_pb.ts';
import type { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.ts';
import { ProxyProtocolSchema } from '../../gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts';
import { TlsInspectorSchema } from '../../gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import { HttpConnectionManagerSchema } from '../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { TcpProxySchema } from '../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { UdpProxyConfigSchema } from '../../gen/envoy/extensions/filters/udp/udp_proxy/v3/udp_proxy_pb.ts';
import { DownstreamTlsContextSchema } from '../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { pack } from '../../lib/protobuf-encode.ts';
import type { FilterChain, KeepAlive, Listener } from '../model/index.ts';
import { duration } from './config.ts';
import { httpConnectionManager } from './http-connection-manager.ts';
import type { EncodeOptions } from './options.ts';
import type { TableLayout } from './route-layout.ts';
import { tcpProxy, udpProxy } from './stream-proxy.ts';
import { downstreamTls } from './tls.ts';

type EnvoyListener = MessageInitShape<typeof ListenerSchema>;

/** What may stand in an Any of a listener of ours. */
export const listenerTypes = createRegistry(
  HttpConnectionManagerSchema,
  TcpProxySchema,
  UdpProxyConfigSchema,
  DownstreamTlsContextSchema,
);

export interface ListenerContext {
  /** How a table is looked up. */
  readonly lookup: (table: string) => TableLayout['lookup'];
  readonly options: EncodeOptions;
  /** What could not be encoded as it was asked for. */
  readonly problems: string[];
}

export function listenerToEnvoy(listener: Listener, context: ListenerContext): EnvoyListener {
  const { address, port, transport, freebind } = listener.bind;
  const encoded: EnvoyListener = {
    name: listener.name,
    address: {
      address: {
        case: 'socketAddress',
        value: {
          address,
          portSpecifier: { case: 'portValue', value: port },
          ...(transport === 'udp' ? { protocol: Protocol.UDP } : {}),
        },
      },
    },
    trafficDirection: TrafficDirection.INBOUND,
    // A socket for each worker: the kernel spreads connections, no lock is shared.
    enableReusePort: true,
    ...(freebind === undefined ? {} : { freebind }),
  };
  return Object.assign(encoded, transport === 'udp' ? udp(listener, context) : tcp(listener, context));
}

function udp(listener: Listener, { options }: ListenerContext): EnvoyListener {
  const chain = listener.chains.find(({ handler }) => handler.type === 'stream');
  if (chain?.handler.type !== 'stream') return {};
  return { udpListenerConfig: {}, listenerFilters: [udpProxy(listener.name, chain.handler, options)] };
}

function tcp(listener: Listener, context: ListenerContext): EnvoyListener {
  const anyTls = listener.chains.some(isTls);
  return {
    listenerFilters: [
      ...(listener.proxyProtocol ? [listenerFilter(filterNames.proxyProtocol, pack(ProxyProtocolSchema, {}))] : []),
      ...(anyTls ? [listenerFilter(filterNames.tlsInspector, pack(TlsInspectorSchema, {}))] : []),
    ],
    filterChains: listener.chains.map((chain) => filterChain(listener, chain, anyTls, context)),
    ...(listener.keepAlive === undefined ? {} : { socketOptions: keepAliveOptions(listener.keepAlive) }),
  };
}

const filterNames = {
  proxyProtocol: 'envoy.filters.listener.proxy_protocol',
  tlsInspector: 'envoy.filters.listener.tls_inspector',
} as const;

const listenerFilter = (
  name: string,
  typedConfig: ReturnType<typeof pack>,
): MessageInitShape<typeof ListenerFilterSchema> => ({ name, configType: { case: 'typedConfig', value: typedConfig } });

/** Terminated or passed through: either way the SNI is looked at. */
const isTls = (chain: FilterChain) => chain.tls !== undefined || chain.serverNames.length > 0;

/** h2 first: clients that can take it. */
const httpAlpn = ['h2', 'http/1.1'];

function filterChain(
  listener: Listener,
  chain: FilterChain,
  anyTls: boolean,
  context: ListenerContext,
): MessageInitShape<typeof FilterChainSchema> {
  const { handler } = chain;
  return {
    name: chain.name,
    filterChainMatch: match(chain, anyTls),
    filters: [
      handler.type === 'http'
        ? httpConnectionManager(
            listener.name,
            handler,
            context.lookup(handler.table),
            context.options,
            context.problems,
          )
        : tcpProxy(listener.name, handler, context.options),
    ],
    ...(chain.tls === undefined
      ? {}
      : {
          transportSocket: downstreamTls(chain.tls, handler.type === 'http' ? httpAlpn : []),
          // A client that does not get on with its handshake is let go.
          transportSocketConnectTimeout: duration(15_000),
        }),
  };
}

/** Envoy compares server names first (exact, then the longest wildcard, then none), then the transport. */
function match(chain: FilterChain, anyTls: boolean) {
  if (isTls(chain)) return { serverNames: [...chain.serverNames], transportProtocol: 'tls' };
  // Plain HTTP beside TLS. Bytes to pass on may be TLS too, whose names nobody else wants.
  return anyTls && chain.handler.type === 'http' ? { transportProtocol: 'raw_buffer' } : {};
}

/** Linux numbers (asm-generic/socket.h, linux/tcp.h). Accepted sockets inherit them from the listening one. */
const linux = {
  SOL_SOCKET: 1n,
  SO_KEEPALIVE: 9n,
  IPPROTO_TCP: 6n,
  TCP_KEEPIDLE: 4n,
  TCP_KEEPINTVL: 5n,
  TCP_KEEPCNT: 6n,
};

function keepAliveOptions(keepAlive: KeepAlive): MessageInitShape<typeof SocketOptionSchema>[] {
  const option = (description: string, level: bigint, name: bigint, value: number) => ({
    description,
    level,
    name,
    value: { case: 'intValue' as const, value: BigInt(value) },
  });
  return [
    option('SO_KEEPALIVE', linux.SOL_SOCKET, linux.SO_KEEPALIVE, 1),
    option('TCP_KEEPIDLE', linux.IPPROTO_TCP, linux.TCP_KEEPIDLE, keepAlive.idle),
    option('TCP_KEEPINTVL', linux.IPPROTO_TCP, linux.TCP_KEEPINTVL, keepAlive.interval),
    option('TCP_KEEPCNT', linux.IPPROTO_TCP, linux.TCP_KEEPCNT, keepAlive.probes),
  ];
}
