/**
 * Gateway API to the model: GatewayClasses, Gateways, ListenerSets and all kinds of routes with a Gateway or ListenerSet as
 * parent become listeners, route tables, backends and secrets, and their statuses. Everything is derived from the tables and
 * nothing is kept besides. Routes to Services as parents (mesh) are not ours.
 */
import { formatRef, type Gateway, type ObjectRef } from '../../api/index.ts';
import { none } from '../../lib/sole.ts';
import type { Collection, Fetch, Store } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';
import type { Backend, HttpRoute, MeshOptions, MeshOutputs, SecretUse } from '../model/index.ts';
import type { AttachTo } from './attachment.ts';
import { deriveTlsPolicyReports } from './backend-tls-status.ts';
import { createGatewayContext } from './context.ts';
import type { GatewayContext, RouteRules, TlsPolicyUse } from './contract.ts';
import { deriveAssignments } from './gateway-addresses.ts';
import { deriveClassReports } from './gateway-class.ts';
import { deriveGatewayModels, type GatewayModel } from './gateway-model.ts';
import { deriveGatewayReports, deriveUnknownClassReports } from './gateway-reports.ts';
import { grpcRouteRules } from './grpc-rules.ts';
import { httpRoutesOf } from './http-routes.ts';
import { httpRouteRules } from './http-rules.ts';
import { isolationRoutes } from './isolation.ts';
import { type StreamRules, type StreamWay, streamRules } from './l4-rules.ts';
import { deriveListeners } from './listeners.ts';
import { deriveGatewayServices } from './load-balancer-service.ts';
import { deriveMergedGateways } from './merged-listeners.ts';
import { deriveOrphanReports, deriveParents, type RouteParent } from './parents.ts';
import { deriveDiagnostics, deriveStatuses, type Report } from './report.ts';
import { deriveRoutePrograms, type RouteProgram, type RouteTranslation, type Rules } from './route-program.ts';
import { widen } from './widen.ts';

export { CLASS_NAME, CONTROLLER_NAME } from './gateway-class.ts';
export { gatewayServiceKey, gatewayServiceOf } from './load-balancer-service.ts';

export function translateGateway(store: Store, tables: Tables, options: MeshOptions): MeshOutputs {
  const context = createGatewayContext(store, tables);
  const merged = deriveMergedGateways(store, tables);
  const assignments = deriveAssignments(store, tables, merged, options);
  const models = deriveGatewayModels(store, context, merged, assignments, options);
  const parents = deriveParents(store, models);
  const defaults = parents.index('default', ({ isDefault }) => (isDefault ? 'All' : undefined));
  const routes = derivePrograms(store, context, { tables, parents, defaults });
  const listenersOf = ({ listeners }: RouteProgram<Rules>) =>
    listeners.length === 1 ? listeners[0]?.id : listeners.map(({ id }) => id);
  const streams = routes.streams.map((programs) => programs.index('listener', listenersOf));
  const all = [...routes.http, ...routes.streams].map((programs) => widen<RouteProgram<Rules>>(programs));
  const counts = all.map((programs) => programs.index('counted listener', listenersOf));
  const reports = [
    // Routes first: they are by far the most, and each is looked for in one after the other.
    ...all.map((programs) => widen<Report>(programs)),
    deriveClassReports(store, tables),
    deriveGatewayReports(store, models, counts),
    deriveUnknownClassReports(store, tables),
    deriveOrphanReports(store, tables),
    deriveTlsPolicyReports(store, context, deriveTlsPolicyUses(store, all)),
  ];
  return {
    listeners: deriveListeners(store, models, streams),
    routes: store.derive(
      [...routes.http, models].map((one) => widen<RouteProgram<RouteRules> | GatewayModel>(one)),
      {
        name: 'gateway.routes',
        map: (_fetch, value): [string, HttpRoute][] =>
          'variants' in value ? httpRoutesOf(value) : isolationRoutes(value),
      },
    ),
    backends: deriveBackends(store, all),
    secrets: deriveSecretUses(store, all, models),
    diagnostics: deriveDiagnostics(store, reports),
    statuses: deriveStatuses(store, reports),
    services: deriveGatewayServices(store, merged, options),
  };
}

type Programs<R> = Collection<RouteProgram<R>>;

function derivePrograms(
  store: Store,
  context: GatewayContext,
  to: AttachTo,
): { http: readonly Programs<RouteRules>[]; streams: readonly Programs<StreamRules>[] } {
  const { tables } = context;
  const gatewayOf = (fetch: Fetch, parent: RouteParent | undefined): Gateway | undefined =>
    parent?.clientCertificate
      ? fetch.get(tables.Gateway, `${parent.gateway.namespace}/${parent.gateway.name}`)
      : undefined;
  const byGateway = ({ clientCertificate, gateway }: RouteParent): string =>
    clientCertificate ? `${gateway.namespace}/${gateway.name}` : '';
  const stream = <T extends Parameters<typeof streamRules>[2]>(
    kind: T['kind'],
    table: RouteTranslation<T, StreamRules>['table'],
  ): RouteTranslation<T, StreamRules> => ({
    kind,
    table,
    variantOf: ({ point }, parent) => {
      const way = wayOf(point.mode);
      return way === 'terminate' ? `${way} ${byGateway(parent)}` : way;
    },
    rules: (fetch, route, sample) => {
      const way =
        sample === undefined ? (kind === 'UDPRoute' ? 'datagram' : 'passthrough') : wayOf(sample.attached.point.mode);
      return streamRules(fetch, context, route, way, gatewayOf(fetch, sample?.parent));
    },
  });
  return {
    http: [
      deriveRoutePrograms(store, to, {
        kind: 'HTTPRoute',
        table: tables.HTTPRoute,
        variantOf: (_attached, parent) => byGateway(parent),
        rules: (fetch, route, sample) => httpRouteRules(fetch, context, route, gatewayOf(fetch, sample?.parent)),
      }),
      deriveRoutePrograms(store, to, {
        kind: 'GRPCRoute',
        table: tables.GRPCRoute,
        variantOf: (_attached, parent) => byGateway(parent),
        rules: (fetch, route, sample) => grpcRouteRules(fetch, context, route, gatewayOf(fetch, sample?.parent)),
      }),
    ],
    streams: [
      deriveRoutePrograms(store, to, stream('TLSRoute', tables.TLSRoute)),
      deriveRoutePrograms(store, to, stream('TCPRoute', tables.TCPRoute)),
      deriveRoutePrograms(store, to, stream('UDPRoute', tables.UDPRoute)),
    ],
  };
}

function wayOf(mode: string): StreamWay {
  return mode === 'udp' ? 'datagram' : mode === 'terminate' ? 'terminate' : 'passthrough';
}

function deriveBackends(store: Store, programs: readonly Programs<Rules>[]) {
  return store.pick<RouteProgram<Rules>, Backend>(
    programs.map((one) => one.index('backend', ({ variants }) => backendNames(variants))),
    {
      name: 'gateway.backends',
      map: ({ ref, variants }, name) => {
        for (const { rules } of variants)
          for (const backend of rules.backends) if (backend.name === name) return backend;
        throw new Error(`bug: ${formatRef(ref)} has no backend ${name}`);
      },
    },
  );
}

function backendNames(variants: RouteProgram<Rules>['variants']): string | readonly string[] {
  const [backend] = variants[0]?.rules.backends ?? none;
  if (backend !== undefined && variants.length === 1 && variants[0]?.rules.backends.length === 1) return backend.name;
  return [...new Set(variants.flatMap(({ rules }) => rules.backends.map(({ name }) => name)))];
}

function deriveSecretUses(store: Store, programs: readonly Programs<Rules>[], models: Collection<GatewayModel>) {
  type User = RouteProgram<Rules> | GatewayModel;
  return store.derive<User, SecretUse>([...programs.map((one) => widen<User>(one)), widen<User>(models)], {
    name: 'gateway.secrets',
    when: (value) => !('variants' in value) || value.variants.some(({ rules }) => rules.secrets.length > 0),
    map: (_fetch, value, key) => {
      const uses = new Map<string, SecretUse>();
      const use = (secret: SecretUse['secret'], user: ObjectRef): unknown =>
        uses.set(`gateway/${key}/${user.kind}/${user.namespace}/${user.name}/${secret.name}`, { secret, user });
      if ('variants' in value) {
        for (const { rules } of value.variants) for (const secret of rules.secrets) use(secret, value.ref);
      } else {
        for (const { programmed, secrets, owner } of value.listeners)
          if (programmed === undefined) for (const secret of secrets) use(secret, owner);
      }
      return uses;
    },
  });
}

/** Which Services with BackendTLSPolicies are reached through which Gateways. */
function deriveTlsPolicyUses(store: Store, programs: readonly Programs<Rules>[]) {
  return store.derive<RouteProgram<Rules>, TlsPolicyUse>(programs, {
    name: 'gateway.tls-policy-uses',
    when: ({ variants }) => variants.some(({ rules }) => rules.tlsPolicyTargets.length > 0),
    map: (_fetch, { variants }, key) =>
      variants.flatMap(({ rules, gateways }, i) =>
        rules.tlsPolicyTargets.length === 0
          ? []
          : [[`${key}|${i}`, { ports: rules.tlsPolicyTargets, gateways }] as const],
      ),
  });
}
