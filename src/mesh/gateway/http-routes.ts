import type { HttpRoute, Precedence } from '../model/index.ts';
import type { RouteRules, RuleOutput } from './contract.ts';
import type { RouteProgram } from './route-program.ts';

/** A route's rules on every host of every table where it is attached: each once, however many parentRefs lead there. */
export function httpRoutesOf(program: RouteProgram<RouteRules>): [string, HttpRoute][] {
  const outputs: [string, HttpRoute][] = [];
  const { ref, created, owner } = program;
  const prefix = `gateway/${ref.kind}/${owner}`;
  const origins = [ref];
  for (const { rules, attached } of program.variants) {
    for (const [table, hosts] of hostsByTable(attached)) {
      for (const { host, rank } of hosts) {
        for (const output of rules.rules) {
          const key = `${prefix}/${output.rule}.${output.match}/${table}/${host}`;
          const { path, length, method, headers, query } = output.precedence;
          const { rule, match } = output;
          const precedence: Precedence = {
            host: rank,
            path,
            length,
            method,
            headers,
            query,
            created,
            owner,
            rule,
            match,
          };
          outputs.push([key, httpRoute(key, table, host, precedence, origins, output)]);
        }
      }
    }
  }
  return outputs;
}

/** Field by field, as spreads cost several times the memory. */
function httpRoute(
  key: string,
  table: string,
  host: string,
  precedence: Precedence,
  origins: HttpRoute['origins'],
  { http: match, action, name, requestHeaders, responseHeaders, cors, externalAuth }: RuleOutput,
): HttpRoute {
  const route: { -readonly [K in keyof HttpRoute]: HttpRoute[K] } = {
    key,
    table,
    host,
    precedence,
    origins,
    match,
    action,
    name,
  };
  if (requestHeaders !== undefined) route.requestHeaders = requestHeaders;
  if (responseHeaders !== undefined) route.responseHeaders = responseHeaders;
  if (cors !== undefined) route.cors = cors;
  if (externalAuth !== undefined) route.externalAuth = externalAuth;
  return route;
}

type Hosts = readonly { readonly host: string; readonly rank: number }[];

/** Several listeners may lead to one table, and there to one host: the route's narrowest name for it counts. */
function hostsByTable(attached: RouteProgram<RouteRules>['variants'][number]['attached']): [string, Hosts][] {
  const tables: [string, Hosts][] = [];
  for (const { point, hosts } of attached) {
    if (point.table === undefined) continue;
    const known = tables.find(([table]) => table === point.table);
    if (known === undefined) tables.push([point.table, hosts]);
    else known[1] = merged(known[1], hosts);
  }
  return tables;
}

function merged(a: Hosts, b: Hosts): Hosts {
  const ranks = new Map(a.map(({ host, rank }) => [host, rank]));
  for (const { host, rank } of b) ranks.set(host, Math.min(rank, ranks.get(host) ?? rank));
  return [...ranks].map(([host, rank]) => ({ host, rank }));
}
