import type { MessageInitShape } from '@bufbuild/protobuf';
import { CorsSchema } from '../../gen/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import { RouterSchema } from '../../gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { StatefulSessionSchema } from '../../gen/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.ts';
import type { HttpFilterSchema } from '../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { pack } from '../../lib/protobuf-encode.ts';
import { externalAuthFilter } from './routes/external-auth.ts';

type HttpFilter = MessageInitShape<typeof HttpFilterSchema>;

/** By the names that per-route configuration refers to. */
export const filters = {
  cors: 'envoy.filters.http.cors',
  externalAuth: 'envoy.filters.http.composite',
  statefulSession: 'envoy.filters.http.stateful_session',
  router: 'envoy.filters.http.router',
} as const;

/**
 * Every HTTP filter of every listener of ours, in the order in which a request meets them. This is the one place that knows
 * the order.
 *
 * All of them are always there, so that a route that comes to need one changes no listener (that would drain its
 * connections). Those that only some routes need are `disabled`: Envoy does not even make them for a request, unless the
 * route has a configuration for them. The host-bucket is no filter: it has to come before the first look-up of the route
 * (`host-bucket.ts`).
 */
export const filterOrder = orderWith({ clusterStats: false });
export const filterOrderWithClusterStats = orderWith({ clusterStats: true });

function orderWith({ clusterStats }: { readonly clusterStats: boolean }): readonly HttpFilter[] {
  return [
    // First, so that preflight requests are answered without credentials or a session.
    perRoute(filters.cors, pack(CorsSchema, {})),
    // Before anything acts on a request that may not go on.
    perRoute(filters.externalAuth, externalAuthFilter),
    perRoute(filters.statefulSession, pack(StatefulSessionSchema, {})),
    {
      name: filters.router,
      // No x-envoy-* in answers: they tell strangers about our upstreams and mean nothing to clients.
      // Counters of clusters cost 4 % of a request, also where the bootstrap has them thrown away.
      configType: {
        case: 'typedConfig',
        value: pack(RouterSchema, { suppressEnvoyHeaders: true, dynamicStats: clusterStats }),
      },
    },
  ];
}

function perRoute(name: string, typedConfig: ReturnType<typeof pack>): HttpFilter {
  return { name, disabled: true, configType: { case: 'typedConfig', value: typedConfig } };
}
