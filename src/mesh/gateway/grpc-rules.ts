import type { Gateway, GRPCRoute, GrpcMethodMatch, GrpcRouteMatch } from '../../api/index.ts';
import { formatRef } from '../../api/index.ts';
import { quoteRegex } from '../../lib/regex.ts';
import type { Fetch } from '../../store/index.ts';
import type { PathMatch } from '../model/index.ts';
import type { GatewayContext, RouteRules } from './contract.ts';
import { ruleOutput } from './http-rules.ts';
import { ruleEffect } from './http-rules-forward.ts';
import { headerMatches, isProblem, type Matched, regexProblem, valuesProblem } from './http-rules-match.ts';
import { type Problem, RouteScope } from './http-rules-scope.ts';

const everything: readonly GrpcRouteMatch[] = [{ headers: [] }];

/** The rules of a GRPCRoute, as {@link httpRouteRules}; backends are spoken to by HTTP/2, and failures are UNAVAILABLE. */
export function grpcRouteRules(fetch: Fetch, context: GatewayContext, route: GRPCRoute, gateway?: Gateway): RouteRules {
  const scope = new RouteScope(fetch, context, route, gateway, 'http2');
  const title = formatRef(scope.ref);
  for (const [rule, one] of route.spec.rules.entries()) {
    const { matches } = one;
    const effect = ruleEffect(scope, one, rule, 503);
    if (isProblem(effect)) {
      scope.dropped(effect);
      continue;
    }
    const name = `${title} rule ${rule}`;
    for (const [match, each] of (matches.length === 0 ? everything : matches).entries()) {
      const matched = grpcMatch(each, `spec.rules[${rule}].matches[${match}]`);
      if (isProblem(matched)) scope.dropped(matched);
      else scope.rules.push(ruleOutput(rule, match, name, matched, effect));
    }
  }
  return scope.finish();
}

/**
 * A method is the path `/service/method`. Precedence: characters of the service, then of the method, then headers (the
 * spec's order), so all paths have one rank, and the length holds both counts (each is at most 1024).
 */
export function grpcMatch({ method, headers }: GrpcRouteMatch, field: string): Matched | Problem {
  const service = method?.service || '';
  const name = method?.method || '';
  const problem =
    (method?.type === 'RegularExpression'
      ? (regexProblem(service, `${field}.method.service`) ?? regexProblem(name, `${field}.method.method`))
      : undefined) ?? valuesProblem(headers, `${field}.headers`);
  if (problem !== undefined) return problem;
  return {
    http: {
      path: methodPath(method?.type ?? 'Exact', service, name),
      grpc: true,
      ...(headers.length === 0 ? {} : { headers: headerMatches(headers) }),
    },
    precedence: {
      path: 0,
      length: service.length * 1025 + name.length,
      method: false,
      headers: headers.length,
      query: 0,
    },
  };
}

function methodPath(type: GrpcMethodMatch['type'], service: string, method: string): PathMatch {
  if (service === '' && method === '') return { type: 'prefix', value: '/' };
  if (type === 'Exact') {
    if (method === '') return { type: 'prefix', value: `/${service}` };
    if (service !== '') return { type: 'exact', value: `/${service}/${method}` };
    return { type: 'regex', value: `/[^/]+/${quoteRegex(method)}` };
  }
  const part = (pattern: string) => (pattern === '' ? '[^/]+' : `(?:${pattern})`);
  return { type: 'regex', value: `/${part(service)}/${part(method)}` };
}
