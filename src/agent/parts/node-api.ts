import type { Log } from '../../lib/log.ts';
import type { EnvoyAdmin } from '../../proxy/index.ts';
import type { ServedRow } from '../../status/index.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { type ApiServer, serveApi } from '../api-server.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { NodeStatus } from '../node-status.ts';
import type { RestListener } from '../rest/index.ts';

export interface NodeApiOptions {
  /** Unix socket. */
  readonly socket: string;
  readonly metricsAddress?: { readonly address: string; readonly port: number };
  readonly log: Log;
  readonly envoy: { readonly state: string; readonly admin: EnvoyAdmin };
  readonly metrics: Metrics;
  readonly plane: Pick<ControlPlane, 'statuses'>;
  readonly status: () => NodeStatus;
  readonly served: (most: number) => ServedRow[];
  /** The API of the datapath (`agent/rest`), where there is one. */
  readonly rest?: RestListener;
}

/** What a node answers about itself: everything on its socket; probes and metrics over TCP too. */
export function serveNodeApi({
  envoy,
  metrics,
  plane,
  status,
  served,
  rest,
  ...options
}: NodeApiOptions): Promise<ApiServer> {
  return serveApi({
    socket: options.socket,
    ...(options.metricsAddress === undefined ? {} : { tcp: options.metricsAddress }),
    publicPaths: ['/metrics', '/metrics/envoy', '/healthz', '/readyz'],
    log: options.log,
    ...(rest === undefined ? {} : { more: rest }),
    handlers: {
      '/healthz': () => ({ body: 'ok\n' }),
      '/readyz': () =>
        envoy.state === 'ready' ? { body: 'ok\n' } : { status: 503, body: `Envoy is ${envoy.state}\n` },
      '/metrics': async () => ({ body: await metrics.prometheus() }),
      '/metrics/envoy': async () => ({ body: await envoy.admin.prometheus() }),
      '/v1/status': () => ({ body: status() }),
      '/v1/served': (query) => ({ body: served(Number(query.get('most') ?? 1000)) }),
      '/v1/statuses': () => ({ body: [...plane.statuses.values()] }),
    },
  });
}
