/** Which route a request takes, by the words of the model: what Envoy is to do, in a few lines. For tests only. */
import { RE2JS } from 're2js';
import type { Collection } from '../../../store/index.ts';
import { comparePrecedence, type HttpMatch, type HttpRoute } from '../../model/index.ts';

export function matchRequest(
  routes: Collection<HttpRoute>,
  table: string,
  authority: string,
  path: string,
): HttpRoute | undefined {
  const host = authority.replace(/:\d+$/, '').replace(/\.$/, '').toLowerCase();
  const ofTable = [...routes.values()].filter((route) => route.table === table);
  // One virtual host takes the request for good: the exact one, else the longest wildcard, else the catch-all.
  const hosts = [...new Set(ofTable.map((route) => route.host))]
    .filter((each) => each === '*' || each === host || (each.startsWith('*.') && host.endsWith(each.slice(1))))
    .sort((a, b) => Number(b === host) - Number(a === host) || b.length - a.length);
  return ofTable
    .filter((route) => route.host === hosts[0])
    .sort((a, b) => comparePrecedence(a.precedence, b.precedence))
    .find((route) => matches(route.match, authority, path));
}

function matches(match: HttpMatch, authority: string, path: string): boolean {
  if (match.authority !== undefined && !RE2JS.compile(match.authority).matches(authority)) return false;
  const { type, value } = match.path;
  if (type === 'exact') return path === value;
  if (type === 'regex') return RE2JS.compile(value).matches(path);
  return value === '/' || path === value || path.startsWith(`${value}/`);
}
