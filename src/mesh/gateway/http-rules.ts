import type { Gateway, HTTPRoute } from '../../api/index.ts';
import { formatRef } from '../../api/index.ts';
import type { Fetch } from '../../store/index.ts';
import type { GatewayContext, RouteRules, RuleOutput } from './contract.ts';
import { type RuleEffect, ruleEffect } from './http-rules-forward.ts';
import { httpMatch, isProblem, type Matched } from './http-rules-match.ts';
import { type Problem, RouteScope } from './http-rules-scope.ts';

/**
 * The rules of an HTTPRoute, match by match, with what they need and what is wrong with them. A rule or match that cannot
 * be in force is left out without harm to the others; a backend that comes to nothing has its share of requests fail.
 * `gateway`: whose client certificate is shown to TLS backends.
 */
export function httpRouteRules(fetch: Fetch, context: GatewayContext, route: HTTPRoute, gateway?: Gateway): RouteRules {
  const scope = new RouteScope(fetch, context, route, gateway, undefined);
  const title = formatRef(scope.ref);
  for (const [rule, one] of route.spec.rules.entries()) {
    const { matches } = one;
    const effect = ruleEffect(scope, one, rule, 500);
    if (isProblem(effect)) {
      scope.dropped(effect);
      continue;
    }
    const name = `${title} rule ${rule}`;
    for (const [match, each] of matches.entries()) {
      const field = `spec.rules[${rule}].matches[${match}]`;
      const matched = httpMatch(each, field);
      const problem = isProblem(matched) ? matched : prefixProblem(matched, effect, `spec.rules[${rule}].filters`);
      if (problem !== undefined) {
        scope.dropped(problem);
        continue;
      }
      const output = ruleOutput(rule, match, name, matched as Matched, effect);
      scope.rules.push(output);
      const asking = preflight(output, matches.length + match);
      if (asking !== undefined) scope.rules.push(asking);
    }
  }
  return scope.finish();
}

/** Field by field, as spreads cost several times the memory: this is made for each match of each route. */
export function ruleOutput(
  rule: number,
  match: number,
  name: string,
  { http, precedence }: Matched,
  { action, requestHeaders, responseHeaders, cors, externalAuth }: RuleEffect,
): RuleOutput {
  const output: { -readonly [K in keyof RuleOutput]: RuleOutput[K] } = { rule, match, name, http, precedence, action };
  if (requestHeaders !== undefined) output.requestHeaders = requestHeaders;
  if (responseHeaders !== undefined) output.responseHeaders = responseHeaders;
  if (cors !== undefined) output.cors = cors;
  if (externalAuth !== undefined) output.externalAuth = externalAuth;
  return output;
}

/** Which prefix would be replaced, if the match has none? */
function prefixProblem({ http }: Matched, { action }: RuleEffect, field: string): Problem | undefined {
  const path = action.type === 'redirect' ? action.path : action.type === 'forward' ? action.rewrite?.path : undefined;
  return path?.type !== 'prefix' || http.path.type === 'prefix'
    ? undefined
    : {
        field,
        reason: 'UnsupportedValue',
        message: 'replaces a path prefix, but the match is not of type PathPrefix',
        hint: 'use ReplaceFullPath, or match by PathPrefix',
      };
}

/**
 * Before a browser sends the method that a match asks for, it asks by OPTIONS whether it may: the rule's CORS filter answers
 * that, whatever the origin, so the backend never sees a request of this match. (It must forward nevertheless: Envoy's filter
 * has no say where a route answers by itself.)
 */
function preflight(output: RuleOutput, match: number): RuleOutput | undefined {
  const { method, headers: _, ...http } = output.http;
  if (output.cors === undefined || method === undefined || method === 'OPTIONS') return undefined;
  if (output.action.type !== 'forward') return undefined;
  const headers = [
    { name: 'origin', type: 'regex' as const, value: '.+' },
    { name: 'access-control-request-method', type: 'exact' as const, value: method },
  ];
  return {
    ...output,
    match,
    http: { ...http, method: 'OPTIONS', headers },
    precedence: { ...output.precedence, headers: headers.length },
  };
}
