import type { MessageInitShape } from '@bufbuild/protobuf';
import { formatRef } from '../../../api/object.ts';
import type { RouteSchema } from '../../../gen/envoy/config/route/v3/route_components_pb.ts';
import type { HttpRoute } from '../../model/index.ts';
import { filters } from '../filter-order.ts';
import type { TableUse } from '../table-use.ts';
import { corsToEnvoy } from './cors.ts';
import { externalAuthToEnvoy } from './external-auth.ts';
import { forwardToEnvoy } from './forward.ts';
import { headerFields } from './headers.ts';
import { httpMatchToEnvoy } from './match.ts';
import { redirectToEnvoy } from './redirect.ts';
import { sessionToEnvoy } from './session.ts';

export interface RouteContext {
  /** Who listens for the route's table. */
  readonly use: TableUse | undefined;
  /** Spans name their route and its owner. */
  readonly traced: boolean;
  /** What could not be encoded as it was asked for. */
  readonly problems: string[];
}

type Route = MessageInitShape<typeof RouteSchema>;

export function httpRouteToEnvoy(route: HttpRoute, context: RouteContext): Route {
  const encoded: Route = { name: route.name, match: httpMatchToEnvoy(route.match), action: action(route, context) };
  const headers = headerFields(route, context.problems);
  if (headers !== undefined) Object.assign(encoded, headers);
  const perFilter = filterConfigs(route);
  if (perFilter !== undefined) encoded.typedPerFilterConfig = perFilter;
  if (context.traced) {
    // A span is named after its route: without the decorator, after Envoy's own operation, the same for all.
    encoded.decorator = { operation: route.name, propagate: false };
    encoded.metadata = { filterMetadata: { [metadataNamespace]: traceMetadata(route) } };
  }
  return encoded;
}

/** Where the tracer's custom tags find the route (`observability.ts`). */
export const metadataNamespace = 'sluice';

function traceMetadata(route: HttpRoute) {
  const [owner] = route.origins;
  return { route: route.name, ...(owner === undefined ? {} : { owner: formatRef(owner) }) };
}

function action(route: HttpRoute, context: RouteContext): NonNullable<Route['action']> {
  switch (route.action.type) {
    case 'redirect':
      return { case: 'redirect', value: redirectToEnvoy(route, route.action, context.use) };
    case 'respond': {
      const { status, body } = route.action;
      return { case: 'directResponse', value: direct(status, body) };
    }
    case 'forward': {
      const forward = forwardToEnvoy(route, route.action, context.problems);
      return forward === undefined
        ? { case: 'directResponse', value: direct(route.action.missingStatus, undefined) }
        : { case: 'route', value: forward };
    }
  }
}

const direct = (status: number, body: string | undefined) => ({
  status,
  ...(body === undefined || body === '' ? {} : { body: { specifier: { case: 'inlineString' as const, value: body } } }),
});

/** A filter that is off in the chain is on where a route configures it. */
function filterConfigs(route: HttpRoute): Route['typedPerFilterConfig'] {
  const session = route.action.type === 'forward' ? route.action.session : undefined;
  if (route.cors === undefined && session === undefined && route.externalAuth === undefined) return undefined;
  return {
    ...(route.cors === undefined ? {} : { [filters.cors]: corsToEnvoy(route.cors) }),
    ...(route.externalAuth === undefined ? {} : { [filters.externalAuth]: externalAuthToEnvoy(route.externalAuth) }),
    ...(session === undefined ? {} : { [filters.statefulSession]: sessionToEnvoy(session) }),
  };
}
