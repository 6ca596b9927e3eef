import { formatRef } from '../../api/index.ts';
import type { Collection, DerivedCollection, Fetch, Store } from '../../store/index.ts';
import type { HttpAction, HttpMatch, HttpRoute } from '../model/index.ts';
import { type Claim, defaultSubject, elsewhere } from './claims.ts';
import { anyHost, isWildcard, moreLabels, oneLabel } from './host-match.ts';
import { defaultRule, redirectRule } from './path-match.ts';
import { tableOf } from './placement.ts';

/** The claims in force, keyed by subject: of several to one subject the oldest Ingress' first. */
export function deriveWinners(store: Store, claims: DerivedCollection<Claim>): DerivedCollection<Claim> {
  return store.group<Claim, Claim>(
    claims.index('subject', (claim) => claim.subject),
    {
      name: 'ingress/winners',
      map: (_fetch, members, subject) => [[subject, members.reduce((a, b) => (precedes(b, a) ? b : a))]],
    },
  );
}

function precedes(a: Claim, b: Claim): boolean {
  if (a.created !== b.created) return a.created < b.created;
  if (a.ownerKey !== b.ownerKey) return a.ownerKey < b.ownerKey;
  return a.position[0] - b.position[0] < 0 || (a.position[0] === b.position[0] && a.position[1] < b.position[1]);
}

/** A virtual host that exists because some Ingress names it. */
interface Host {
  readonly slot: string;
  readonly host: string;
  /** False where it is there only to redirect: over HTTPS the catch-all host serves it. */
  readonly https: boolean;
}

/**
 * All routes. A path is routed on its own, so that one more on a host with thousands costs one; what depends on a host as a
 * whole (its default backend, what falls through a wildcard) is routed by host.
 *
 * @param tls by slot: whether anything terminates TLS there, so that there is an HTTPS table
 */
export function deriveRoutes(
  store: Store,
  claims: DerivedCollection<Claim>,
  winners: DerivedCollection<Claim>,
  tls: Collection<boolean>,
): DerivedCollection<HttpRoute> {
  const winnersByHost = winners.index('host', (claim) => hostKey(claim.slot, claim.host));
  const hosts = store.group<Claim, Host>(
    claims.index('host', (claim) => (claim.host === elsewhere ? undefined : hostKey(claim.slot, claim.host))),
    {
      name: 'ingress/hosts',
      map: (_fetch, members, key) => {
        const { slot, host } = members[0]!;
        return [[key, { slot, host, https: members.some((claim) => claim.https !== undefined) }]];
      },
    },
  );

  const hasTls = (fetch: Fetch, slot: string) => fetch.get(tls, slot) === true;
  const entries = (routes: HttpRoute[]) => routes.map((route): [string, HttpRoute] => [route.key, route]);

  // Collections are not covariant in the type system's eyes; read as inputs they are.
  const inputs = [winners, hosts] as unknown as readonly Collection<Claim | Host>[];
  return store.derive<Claim | Host, HttpRoute>(inputs, {
    name: 'ingress/routes',
    map: (fetch, value) => {
      const secure = hasTls(fetch, value.slot);
      if ('subject' in value) {
        if (value.rule === defaultRule || value.host === elsewhere) return [];
        return entries(routesOf(value, { host: value.host, https: secure }));
      }
      const { slot, host, https } = value;
      const routes: HttpRoute[] = [];
      const fallback = host !== anyHost && https ? fetch.get(winners, defaultSubject(slot, elsewhere)) : undefined;
      const last = fetch.get(winners, defaultSubject(slot, host)) ?? fallback;
      if (last !== undefined) routes.push(...routesOf(last, { host, https: secure }));
      if (isWildcard(host))
        for (const claim of fetch.by(winnersByHost, hostKey(slot, anyHost)))
          routes.push(...routesOf(claim, { host, https: secure && https, fallThrough: true }));
      return entries(routes);
    },
  });
}

function hostKey(slot: string, host: string): string {
  return `${slot}|${host}`;
}

interface Place {
  readonly host: string;
  readonly https: boolean;
  /** The claim is the catch-all host's, and `host` a wildcard whose virtual host takes what is not its own. */
  readonly fallThrough?: boolean;
}

function routesOf(claim: Claim, place: Place): HttpRoute[] {
  const routes = [routeOf(claim, place, 'http', claim.http)];
  if (place.https && claim.https !== undefined) routes.push(routeOf(claim, place, 'https', claim.https));
  return routes;
}

function routeOf(claim: Claim, { host, fallThrough }: Place, scheme: 'http' | 'https', action: HttpAction): HttpRoute {
  const table = tableOf(claim.slot, scheme);
  const { match: path, rank, length } = claim.rule;
  const authority = !isWildcard(host) ? undefined : fallThrough === true ? moreLabels(host) : oneLabel(host);
  const match: HttpMatch = authority === undefined ? { path } : { path, authority };
  const subject = claim.subject.slice(claim.slot.length + claim.host.length + 2);
  return {
    key: `${table}|${host}|${fallThrough === true ? '*|' : ''}${subject}`,
    table,
    host,
    match,
    action,
    precedence: {
      path: rank,
      length,
      method: false,
      headers: 0,
      query: 0,
      created: claim.created,
      owner: claim.ownerKey,
      rule: claim.position[0],
      match: claim.position[1],
    },
    name: nameOf(claim),
    origins: [claim.owner],
  };
}

function nameOf({ owner, rule, position }: Claim): string {
  const ingress = formatRef(owner);
  if (rule === defaultRule) return `${ingress} default backend`;
  return rule === redirectRule ? `${ingress} redirect` : `${ingress} rule ${position[0]} path ${position[1]}`;
}
