import { formatRef } from '../api/index.ts';
import { compareText } from '../lib/compare.ts';
import type { FilterChain, HttpAction, HttpMatch, HttpRoute, Listener, StreamChain } from '../mesh/model/index.ts';
import { comparePrecedence } from '../mesh/model/index.ts';
import { curlFor } from './curl.ts';

/** What a row is an example of, for the commands that a person is given to try. */
export type Feature = 'path' | 'host' | 'tls' | 'redirect' | 'split' | 'header';

/** One line of "what is served", and how a person can try it. */
export interface ServedRow {
  /** `http://127.0.0.1:8080`; for what is no HTTP the kind and the address. */
  readonly listener: string;
  readonly host: string;
  readonly match: string;
  readonly to: string;
  readonly owner: string;
  readonly features: readonly Feature[];
  /** Envoy refused the listener: nothing answers there. */
  readonly refused?: true;
  /** A command that works when pasted; absent where there is none to give (UDP, plain TCP, gRPC, regular expressions). */
  readonly curl?: string;
}

/** Every route on every listener that serves it, in the order in which they are tried; at most so many. */
export function servedRows(
  listeners: Iterable<Listener>,
  routesOf: (table: string) => readonly HttpRoute[],
  isRefused: (listener: string) => boolean = () => false,
  most = Number.POSITIVE_INFINITY,
): ServedRow[] {
  const rows: ServedRow[] = [];
  for (const listener of [...listeners].sort((a, b) => compareText(a.name, b.name))) {
    const refused = isRefused(listener.name) ? ({ refused: true } as const) : {};
    const seen = new Set<string>();
    for (const chain of listener.chains) {
      const { handler } = chain;
      if (handler.type === 'stream') {
        rows.push({ ...streamRow(listener, chain, handler), ...refused });
        continue;
      }
      if (seen.has(handler.table)) continue;
      seen.add(handler.table);
      const names = serverNamesOf(listener, handler.table);
      const scheme = chain.tls === undefined ? 'http' : 'https';
      const routes = [...routesOf(handler.table)].filter((route) => reachable(route.host, names)).sort(compareRoutes);
      const byHost = Map.groupBy(routes, (route) => route.host);
      for (const route of routes) {
        if (rows.length >= most) return rows;
        const curl = 'refused' in refused ? undefined : curlFor(scheme, listener.bind, route, names);
        rows.push({
          listener: `${scheme}://${where(listener)}`,
          host: route.host,
          match: matchText(route.match),
          to: actionText(route.action),
          owner: ownerOf(route.origins),
          features: featuresOf(scheme, route, byHost.get(route.host) ?? []),
          ...refused,
          ...(curl === undefined ? {} : { curl }),
        });
      }
    }
  }
  return rows;
}

function streamRow(listener: Listener, chain: FilterChain, handler: StreamChain): ServedRow {
  const kind =
    chain.tls !== undefined
      ? 'TLS'
      : chain.serverNames.length > 0
        ? 'TLS passthrough'
        : listener.bind.transport.toUpperCase();
  return {
    listener: `${kind} ${where(listener)}`,
    host: chain.serverNames.join(', ') || '*',
    match: '',
    to: handler.backends.map((b) => share(b.backend, b.weight, handler)).join(', ') || 'nothing',
    owner: ownerOf(listener.origins),
    features: [],
  };
}

function where({ bind: { address, port } }: Listener): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** The SNI values that lead to a route table; empty: any. */
function serverNamesOf(listener: Listener, table: string): readonly string[] {
  const chains = listener.chains.filter(({ handler }) => handler.type === 'http' && handler.table === table);
  return chains.some((chain) => chain.serverNames.length === 0) ? [] : chains.flatMap((chain) => chain.serverNames);
}

/** Whether a client that asks for `host` gets past the handshake. */
function reachable(host: string, serverNames: readonly string[]): boolean {
  if (serverNames.length === 0 || host === '*') return true;
  return serverNames.some((name) => covers(name, host) || covers(host, name));
}

function covers(wide: string, narrow: string): boolean {
  return wide === narrow || (wide.startsWith('*.') && narrow.endsWith(wide.slice(1)));
}

/** `routes`: all of the same host. */
function featuresOf(scheme: 'http' | 'https', route: HttpRoute, routes: readonly HttpRoute[]): Feature[] {
  const { action, match, host } = route;
  if (action.type === 'redirect') return scheme === 'http' && action.scheme === 'https' ? ['redirect'] : [];
  if (action.type !== 'forward') return [];
  if ((match.headers ?? []).length > 0) return ['header'];
  if (match.method !== undefined || (match.query ?? []).length > 0) return [];
  if (action.backends.filter((backend) => backend.weight > 0).length > 1) return ['split'];
  if (scheme === 'https') return ['tls'];
  const forks = routes.some(
    (other) =>
      other.action.type === 'forward' &&
      other.match.path.value !== match.path.value &&
      other.action.backends[0]?.backend !== action.backends[0]?.backend,
  );
  return forks ? ['path'] : host === '*' ? [] : ['host'];
}

function compareRoutes(a: HttpRoute, b: HttpRoute): number {
  return (
    hostRank(a.host) - hostRank(b.host) || compareText(a.host, b.host) || comparePrecedence(a.precedence, b.precedence)
  );
}

function hostRank(host: string): number {
  return host === '*' ? 2 : host.startsWith('*.') ? 1 : 0;
}

function matchText(match: HttpMatch): string {
  const path =
    match.path.type === 'prefix'
      ? `${match.path.value.replace(/\/$/, '')}/*`
      : match.path.type === 'regex'
        ? `~${match.path.value}`
        : match.path.value;
  const headers = (match.headers ?? []).map((h) => ` ${h.name}${h.type === 'regex' ? '~' : ': '}${h.value}`);
  const query = (match.query ?? []).map((q) => ` ?${q.name}${q.type === 'regex' ? '~' : '='}${q.value}`);
  return [match.method === undefined ? '' : `${match.method} `, path, ...headers, ...query].join('');
}

function actionText(action: HttpAction): string {
  if (action.type === 'respond') return `answers ${action.status}`;
  if (action.type === 'redirect') {
    const parts = [action.scheme, action.hostname, action.port === undefined ? undefined : `port ${action.port}`];
    const target = parts.filter((part) => part !== undefined).join(', ');
    return `redirects ${action.status}${target === '' ? '' : ` to ${target}`}`;
  }
  return action.backends.map((b) => share(b.backend, b.weight, action)).join(', ') || `answers ${action.missingStatus}`;
}

function share(backend: string | undefined, weight: number, of: { readonly backends: readonly unknown[] }): string {
  return `${backend ?? 'nothing'}${of.backends.length > 1 ? ` (${weight})` : ''}`;
}

function ownerOf(origins: Listener['origins']): string {
  const first = origins[0];
  return first === undefined ? '' : formatRef(first);
}
