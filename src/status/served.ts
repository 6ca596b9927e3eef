import { formatRef } from '../api/index.ts';
import type { HttpAction, HttpMatch, HttpRoute, Listener } from '../mesh/model/index.ts';
import { comparePrecedence } from '../mesh/model/index.ts';

/** One line of "what is served", and how a person can try it. */
export interface ServedRow {
  readonly listener: string;
  readonly host: string;
  readonly match: string;
  readonly to: string;
  readonly owner: string;
  /** A command that works when pasted; absent where there is none to give (UDP, plain TCP, regular expressions). */
  readonly curl?: string;
}

/** Every route on every listener that serves it, in the order in which they are tried. */
export function servedRows(
  listeners: Iterable<Listener>,
  routesOf: (table: string) => readonly HttpRoute[],
): ServedRow[] {
  const rows: ServedRow[] = [];
  for (const listener of [...listeners].sort((a, b) => compareText(a.name, b.name))) {
    const seen = new Set<string>();
    for (const chain of listener.chains) {
      const { address, port, transport } = listener.bind;
      const where = `${address.includes(':') ? `[${address}]` : address}:${port}`;
      const { handler } = chain;
      if (handler.type === 'stream') {
        const to = handler.backends.map((b) => share(b.backend, b.weight, handler)).join(', ') || 'nothing';
        const kind =
          chain.tls !== undefined ? 'TLS' : chain.serverNames.length > 0 ? 'TLS passthrough' : transport.toUpperCase();
        const host = chain.serverNames.join(', ') || '*';
        rows.push({ listener: `${kind} ${where}`, host, match: '', to, owner: ownerOf(listener.origins) });
        continue;
      }
      if (seen.has(handler.table)) continue;
      seen.add(handler.table);
      const scheme = chain.tls === undefined ? 'http' : 'https';
      for (const route of [...routesOf(handler.table)].sort(compareRoutes)) {
        const curl = curlFor(scheme, address, port, route, chain.serverNames);
        rows.push({
          listener: `${scheme}://${where}`,
          host: route.host,
          match: matchText(route.match),
          to: actionText(route.action),
          owner: ownerOf(route.origins),
          ...(curl === undefined ? {} : { curl }),
        });
      }
    }
  }
  return rows;
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
    const target = `${action.scheme ?? ''}${action.scheme === undefined ? '' : '://'}${action.hostname ?? ''}${action.port === undefined ? '' : `:${action.port}`}`;
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

function curlFor(
  scheme: string,
  address: string,
  port: number,
  route: HttpRoute,
  serverNames: readonly string[],
): string | undefined {
  const { match } = route;
  if (match.path.type === 'regex' || route.action.type === 'respond') return undefined;
  if (match.headers?.some((h) => h.type === 'regex') || match.query?.some((q) => q.type === 'regex')) return undefined;
  const wild = route.host === '*' ? serverNames[0] : route.host;
  const host = wild?.replace(/^\*\./, 'www.');
  const query = (match.query ?? [])
    .map((q) => `${encodeURIComponent(q.name)}=${encodeURIComponent(q.value)}`)
    .join('&');
  const literal = address.includes(':') ? `[${address}]` : address;
  const words = ['curl', '-s'];
  if (scheme === 'https') words.push('-k');
  if (route.action.type === 'redirect') words.push('-i');
  if (match.method !== undefined && match.method !== 'GET')
    words.push(match.method === 'HEAD' ? '-I' : `-X ${match.method}`);
  for (const header of match.headers ?? []) words.push(`-H ${quote(`${header.name}: ${header.value}`)}`);
  if (host !== undefined) words.push(`--resolve ${quote(`${host}:${port}:${address}`)}`);
  words.push(quote(`${scheme}://${host ?? literal}:${port}${match.path.value}${query === '' ? '' : `?${query}`}`));
  return words.join(' ');
}

/** For a POSIX shell: everything that is not plainly harmless goes into single quotes. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
