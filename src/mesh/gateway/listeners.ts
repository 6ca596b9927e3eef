import type { ObjectRef } from '../../api/index.ts';
import type { Collection, DerivedCollection, Fetch, Index, Store } from '../../store/index.ts';
import type { DownstreamTls, FilterChain, Listener, StreamChain } from '../model/index.ts';
import type { GatewayModel, ListenerModel } from './gateway-model.ts';
import type { StreamRules } from './l4-rules.ts';
import { socketOf } from './listener-conflicts.ts';
import type { RouteProgram } from './route-program.ts';

/** TLSRoutes, TCPRoutes and UDPRoutes by the listeners that they are attached to. */
export type StreamIndexes = readonly Index<RouteProgram<StreamRules>>[];

/**
 * A listener for each socket of each Gateway. HTTP and HTTPS listeners do not depend on routes (these are in the tables that
 * the listeners name); TLS, TCP and UDP ones are made of their routes.
 */
export function deriveListeners(
  store: Store,
  models: Collection<GatewayModel>,
  streams: StreamIndexes,
): DerivedCollection<Listener> {
  return store.derive<GatewayModel, Listener>(models, {
    name: 'gateway.listeners',
    map: (fetch, model, key) => {
      const live = model.listeners.filter(({ programmed }) => programmed === undefined);
      const sockets = [...Map.groupBy(live, socketOf)].map(([socket, listeners]) => ({
        transport: socket.startsWith('udp') ? ('udp' as const) : ('tcp' as const),
        port: listeners[0]!.listener.port,
        chains: listeners[0]!.mode === 'http' ? [httpChain(listeners[0]!)] : chainsOf(fetch, listeners, streams),
        origins: originsOf(model.ref, listeners),
      }));
      return model.addresses.flatMap((address) =>
        sockets.map(({ transport, port, chains, origins }) => {
          const host = address.includes(':') ? `[${address}]` : address;
          const name = `gateway/${key}/${transport === 'udp' ? 'udp/' : ''}${host}:${port}`;
          const bind = { address, port, transport, ...(model.freebind ? { freebind: true as const } : {}) };
          return [name, { name, bind, chains, origins }] as const;
        }),
      );
    },
  });
}

function originsOf(gateway: ObjectRef, listeners: readonly ListenerModel[]): ObjectRef[] {
  const sets = new Map<string, ObjectRef>();
  for (const { owner } of listeners) if (owner.kind !== 'Gateway') sets.set(`${owner.namespace}/${owner.name}`, owner);
  return [gateway, ...sets.values()];
}

function httpChain(listener: ListenerModel): FilterChain {
  return { name: 'http', serverNames: [], handler: { type: 'http', table: listener.table! } };
}

function chainsOf(fetch: Fetch, listeners: readonly ListenerModel[], streams: StreamIndexes): FilterChain[] {
  return listeners.flatMap((one) => {
    if (one.mode === 'https')
      return [
        {
          name: one.label,
          serverNames: namesOf(one.hostname),
          tls: one.tls!,
          handler: { type: 'http' as const, table: one.table! },
        },
      ];
    const routes = streams.flatMap((index) => fetch.by(index, one.id));
    return one.mode === 'tcp' || one.mode === 'udp' ? [rawChain(one, routes)] : tlsChains(one, routes);
  });
}

/** Any SNI, and none, for `*`. */
function namesOf(host: string): string[] {
  return host === '*' ? [] : [host];
}

interface Candidate {
  readonly rank: number;
  readonly created: number;
  readonly owner: string;
  readonly targets: StreamChain['backends'];
}

/** Every connection goes to the first of these: the spec gives a listener to the oldest route, and nothing to the others. */
function compareCandidates(a: Candidate, b: Candidate): number {
  return a.rank - b.rank || a.created - b.created || (a.owner < b.owner ? -1 : a.owner > b.owner ? 1 : 0);
}

function candidatesByHost(
  listener: ListenerModel,
  routes: readonly RouteProgram<StreamRules>[],
): Map<string, Candidate> {
  const best = new Map<string, Candidate>();
  for (const { created, owner, variants, ref } of routes) {
    for (const { rules, attached } of variants) {
      for (const { hosts } of attached.filter(({ point }) => point.id === listener.id)) {
        for (const { host, rank } of hosts) {
          const candidate = { rank, created, owner: `${owner} ${ref.kind}`, targets: rules.targets };
          const before = best.get(host);
          if (before === undefined || compareCandidates(candidate, before) < 0) best.set(host, candidate);
        }
      }
    }
  }
  return best;
}

function rawChain(listener: ListenerModel, routes: readonly RouteProgram<StreamRules>[]): FilterChain {
  const targets = candidatesByHost(listener, routes).get('*')?.targets ?? [];
  return { name: listener.label, serverNames: [], handler: { type: 'stream', backends: targets } };
}

function tlsChains(listener: ListenerModel, routes: readonly RouteProgram<StreamRules>[]): FilterChain[] {
  const byHost = candidatesByHost(listener, routes);
  const chain = (host: string, backends: StreamChain['backends'], tls: DownstreamTls | undefined): FilterChain => ({
    name: host === listener.hostname ? listener.label : `${listener.label}/${host}`,
    serverNames: namesOf(host),
    ...(tls === undefined ? {} : { tls }),
    handler: { type: 'stream', backends },
  });
  const chains = [...byHost.keys()].sort().map((host) => chain(host, byHost.get(host)!.targets, listener.tls));
  // The listener's own host must not fall to a wider listener of the port: connections that no route takes are closed.
  if (!byHost.has(listener.hostname) && (listener.hostname !== '*' || chains.length === 0))
    chains.push(chain(listener.hostname, [], undefined));
  return chains;
}
