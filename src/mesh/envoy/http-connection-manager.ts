import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  HttpConnectionManagerSchema,
  HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
} from '../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { HeaderMutationSchema } from '../../gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.ts';
import { pack } from '../../lib/protobuf-encode.ts';
import type { HeaderChanges, HttpChain } from '../model/index.ts';
import { ads, duration } from './config.ts';
import { filterOrder, filterOrderWithClusterStats } from './filter-order.ts';
import { bucketHeader, hostBucketMutation } from './host-bucket.ts';
import { accessLog, tracing } from './observability.ts';
import type { EncodeOptions } from './options.ts';
import type { TableLayout } from './route-layout.ts';
import { scopePrefix } from './route-table.ts';
import { streamIdleTimeout } from './routes/forward.ts';
import { headerChanges } from './routes/headers.ts';

type Hcm = MessageInitShape<typeof HttpConnectionManagerSchema>;

/**
 * Limits are those of Envoy's "best practices for edge proxies" but for what would break honest clients: no overall request
 * timeout (uploads), header names with underscores are let through.
 */
const limits = {
  streamIdleTimeout: duration(streamIdleTimeout),
  // A client that sends its headers byte by byte holds a stream for no longer than this.
  requestHeadersTimeout: duration(60_000),
  http2ProtocolOptions: {
    maxConcurrentStreams: 100,
    initialStreamWindowSize: 65_536,
    initialConnectionWindowSize: 1_048_576,
  },
} satisfies Hcm;

/** `problems` takes what could not be encoded as it was asked for. */
export function httpConnectionManager(
  statPrefix: string,
  chain: HttpChain,
  lookup: TableLayout['lookup'],
  options: EncodeOptions,
  problems: string[],
) {
  const hcm: Hcm = {
    ...limits,
    statPrefix,
    routeSpecifier: routeSpecifier(chain.table, lookup),
    earlyHeaderMutationExtensions: [
      ...(chain.requestHeaders === undefined ? [] : [headerMutation(chain.requestHeaders, problems)]),
      ...(lookup === 0 ? [] : [hostBucketMutation(lookup, scopePrefix(chain.table, lookup))]),
    ],
    httpFilters: [...(options.clusterStats === true ? filterOrderWithClusterStats : filterOrder)],
    // The client is our peer, or as many proxies away as are trusted: what it says of itself beyond that is dropped.
    useRemoteAddress: true,
    xffNumTrustedHops: chain.trustedHops ?? 0,
    // RFC 3986, section 6.2.2: `/a/../b` is `/b`, so that no route is reached around. Repeated slashes are the backend's.
    normalizePath: true,
    mergeSlashes: false,
    // `example.com.` is the same host (RFC 1034, 3.1); virtual hosts and buckets know it without the dot.
    stripTrailingHostDot: true,
    // A backend's own `server` reaches the client, and Envoy adds none.
    serverHeaderTransformation: ServerHeader.PASS_THROUGH,
    httpProtocolOptions: { acceptHttp10: true },
    // A route need not ask for WebSockets. CONNECT is not here, and so refused.
    upgradeConfigs: [{ upgradeType: 'websocket' }],
    accessLog: accessLog(options.accessLog, 'request'),
  };
  if (chain.requestTimeoutMs !== undefined && chain.requestTimeoutMs > 0)
    hcm.requestTimeout = duration(chain.requestTimeoutMs);
  if (options.tracing !== undefined) hcm.tracing = tracing(options.tracing);
  return {
    name: 'envoy.filters.network.http_connection_manager',
    configType: { case: 'typedConfig' as const, value: pack(HttpConnectionManagerSchema, hcm) },
  };
}

function routeSpecifier(table: string, lookup: TableLayout['lookup']): NonNullable<Hcm['routeSpecifier']> {
  if (lookup === 0) return { case: 'rds', value: { configSource: ads, routeConfigName: table } };
  return {
    case: 'scopedRoutes',
    value: {
      // Listeners of one table with equal words here share one subscription in Envoy.
      name: `${table}/${lookup}`,
      scopeKeyBuilder: {
        fragments: [
          {
            type: {
              case: 'headerValueExtractor',
              value: { name: bucketHeader, extractType: { case: 'index', value: 0 } },
            },
          },
        ],
      },
      rdsConfigSource: ads,
      configSpecifier: { case: 'scopedRds', value: { scopedRdsConfigSource: ads } },
    },
  };
}

/** Before a route is looked up, so that routes may match on what was added. */
function headerMutation(changes: HeaderChanges, problems: string[]) {
  const { add, remove } = headerChanges(changes, problems);
  return {
    name: 'envoy.http.early_header_mutation.header_mutation',
    typedConfig: pack(HeaderMutationSchema, {
      mutations: [
        ...remove.map((name) => ({ action: { case: 'remove' as const, value: name } })),
        ...add.map((option) => ({ action: { case: 'append' as const, value: option } })),
      ],
    }),
  };
}
