import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  RouteAction_ClusterNotFoundResponseCode as NotFound,
  RouteActionSchema,
  type WeightedCluster_ClusterWeightSchema,
} from '../../../gen/envoy/config/route/v3/route_components_pb.ts';
import { FractionalPercent_DenominatorType as Denominator } from '../../../gen/envoy/type/v3/percent_pb.ts';
import { encoded } from '../../../lib/protobuf-encode.ts';
import { Recent } from '../../../lib/recent.ts';
import type { Forward, HttpRoute, Mirror, WeightedBackend } from '../../model/index.ts';
import { duration, missingCluster } from '../config.ts';
import { violations } from '../validate.ts';
import { headerFields } from './headers.ts';
import { pathReplacement, pathRewrite } from './path.ts';
import { retryToEnvoy } from './retry.ts';

type RouteAction = MessageInitShape<typeof RouteActionSchema>;

/** Envoy ends streams that have been silent this long (the connection manager's default), ms. */
export const streamIdleTimeout = 300_000;

const noTimeout = {};
const notFound = { 500: NotFound.INTERNAL_SERVER_ERROR, 503: NotFound.SERVICE_UNAVAILABLE } as const;

/** Routes that just forward to a backend are by far the most, and the backends are fewer. */
const plainForwards = new Recent<RouteAction>(16_384);

/** undefined: there is no backend that could get a request, and `missingStatus` is the answer to all. */
export function forwardToEnvoy(route: HttpRoute, forward: Forward, problems: string[]): RouteAction | undefined {
  const plain = plainCluster(forward);
  if (plain !== undefined) {
    const { missingStatus } = forward;
    return plainForwards.get(`${missingStatus} ${plain}`, () => {
      const action = toCluster({ case: 'cluster', value: plain }, missingStatus);
      return violations(RouteActionSchema, action).length > 0 ? action : encoded(RouteActionSchema, action);
    });
  }
  const backends = forward.backends.filter((backend) => backend.weight > 0);
  if (backends.every((backend) => backend.backend === undefined)) return undefined;
  const action = toCluster(clusters(backends, problems), forward.missingStatus);
  const { timeoutMs } = forward;
  if (timeoutMs) action.timeout = duration(timeoutMs);
  // "No timeout", or one beyond the connection manager's idle timeout, must not be cut short by that.
  if (timeoutMs === 0) action.idleTimeout = noTimeout;
  else if (timeoutMs !== undefined && timeoutMs > streamIdleTimeout) action.idleTimeout = duration(timeoutMs);
  const retryPolicy = retryToEnvoy(forward.retry, forward.tryTimeoutMs);
  if (retryPolicy !== undefined) action.retryPolicy = retryPolicy;
  if (forward.rewrite !== undefined) rewrite(action, route, forward.rewrite);
  const mirrors = forward.mirrors?.filter((mirror) => mirror.numerator > 0);
  if (mirrors !== undefined && mirrors.length > 0) action.requestMirrorPolicies = mirrors.map(mirrorPolicy);
  return action;
}

function toCluster(
  clusterSpecifier: NonNullable<RouteAction['clusterSpecifier']>,
  missingStatus: Forward['missingStatus'],
): RouteAction {
  return { clusterSpecifier, clusterNotFoundResponseCode: notFound[missingStatus], timeout: noTimeout };
}

/** The cluster of an action that says nothing else. */
function plainCluster({ backends, timeoutMs, tryTimeoutMs, retry, rewrite, mirrors }: Forward): string | undefined {
  const [only] = backends;
  return backends.length === 1 &&
    only !== undefined &&
    only.weight > 0 &&
    only.requestHeaders === undefined &&
    only.responseHeaders === undefined &&
    timeoutMs === undefined &&
    tryTimeoutMs === undefined &&
    retry === undefined &&
    rewrite === undefined &&
    mirrors === undefined
    ? only.backend
    : undefined;
}

function clusters(
  backends: readonly WeightedBackend[],
  problems: string[],
): NonNullable<RouteAction['clusterSpecifier']> {
  const [first] = backends;
  if (
    backends.length === 1 &&
    first?.backend !== undefined &&
    first.requestHeaders === undefined &&
    first.responseHeaders === undefined
  )
    return { case: 'cluster', value: first.backend };
  return {
    case: 'weightedClusters',
    value: { clusters: backends.map((backend) => weightedCluster(backend, problems)) },
  };
}

function weightedCluster(
  backend: WeightedBackend,
  problems: string[],
): MessageInitShape<typeof WeightedCluster_ClusterWeightSchema> {
  return {
    name: backend.backend ?? missingCluster,
    weight: backend.weight,
    ...headerFields(backend, problems),
  };
}

function rewrite(action: RouteAction, route: HttpRoute, { hostname, path }: NonNullable<Forward['rewrite']>): void {
  if (hostname !== undefined) action.hostRewriteSpecifier = { case: 'hostRewriteLiteral', value: hostname };
  const replacement = path && pathReplacement(route.match.path, path);
  if (replacement !== undefined) Object.assign(action, pathRewrite(replacement));
}

function mirrorPolicy(mirror: Mirror) {
  return {
    cluster: mirror.backend,
    // The mirror sees the request as the backend does: without Envoy's `-shadow` behind the host.
    disableShadowHostSuffixAppend: true,
    runtimeFraction: {
      defaultValue:
        mirror.denominator === 100
          ? { numerator: Math.min(mirror.numerator, 100), denominator: Denominator.HUNDRED }
          : {
              numerator: Math.round(Math.min(1, mirror.numerator / mirror.denominator) * 1e6),
              denominator: Denominator.MILLION,
            },
    },
  };
}
