import { createHash } from 'node:crypto';
import type { BackendRef, GrpcRouteFilter, HttpRouteFilter, SessionPersistence } from '../../api/index.ts';
import type { Backend, HttpAction, SessionPersistence as Session, WeightedBackend } from '../model/index.ts';
import type { RuleOutput } from './contract.ts';
import {
  type BackendFilters,
  backendFilters,
  filterEffects,
  type PlacedFilter,
  placed,
  sameFilters,
} from './filters.ts';
import { thenChanges } from './filters-headers.ts';
import { isProblem } from './http-rules-match.ts';
import type { Problem, RouteScope } from './http-rules-scope.ts';

/** What HTTPRoute and GRPCRoute rules have in common. */
export interface AnyRule {
  readonly name?: string;
  readonly filters: readonly (HttpRouteFilter | GrpcRouteFilter)[];
  readonly backendRefs: readonly (BackendRef & { readonly filters: readonly (HttpRouteFilter | GrpcRouteFilter)[] })[];
  readonly timeouts?: { readonly request?: number; readonly backendRequest?: number };
  readonly retry?: { readonly attempts: number; readonly codes: readonly number[]; readonly backoff?: number };
  readonly sessionPersistence?: SessionPersistence;
}

/** What a rule does with the requests that match it, whichever match it was. */
export type RuleEffect = Pick<RuleOutput, 'action' | 'requestHeaders' | 'responseHeaders' | 'cors' | 'externalAuth'>;

/**
 * Filters, backends and policies of a rule, or why the rule cannot be in force. `failure` is the status where there is no
 * backend: 500, or for gRPC 503, which reaches clients as UNAVAILABLE.
 */
export function ruleEffect(scope: RouteScope, rule: AnyRule, index: number, failure: 500 | 503): RuleEffect | Problem {
  const field = `spec.rules[${index}]`;
  if (isPlain(rule)) {
    const backend = scope.backend(rule.backendRefs[0], `${field}.backendRefs[0]`);
    return backend === undefined ? { action: { type: 'respond', status: failure } } : plainForward(backend, failure);
  }
  const own = rule.backendRefs.map((ref, i) =>
    backendFilters(scope, ref.filters, `${field}.backendRefs[${i}].filters`),
  );
  const lifted = liftedFilters(rule, own);
  if (isProblem(lifted)) return lifted;
  const filters = placed(rule.filters, `${field}.filters`);
  const effects = filterEffects(scope, lifted.length === 0 ? filters : [...filters, ...lifted]);
  if (isProblem(effects)) return effects;
  const { requestHeaders, responseHeaders, cors, externalAuth } = effects;
  const common = {
    ...(responseHeaders === undefined ? {} : { responseHeaders }),
    ...(cors === undefined ? {} : { cors }),
    ...(externalAuth === undefined ? {} : { externalAuth }),
  };
  if (effects.failed) {
    return { ...common, action: { type: 'respond', status: failure } };
  }
  if (effects.redirect !== undefined) {
    if (effects.mirrors !== undefined)
      scope.warn({
        field: `${field}.filters`,
        reason: 'NoEffect',
        message: 'mirrors requests that are redirected',
        hint: 'remove RequestMirror: only requests that are sent to a backend are mirrored',
      });
    return { ...common, action: effects.redirect };
  }
  const backends = weightedBackends(scope, rule, own as readonly BackendFilters[], field);
  const usable = backends.some(({ backend, weight }) => backend !== undefined && weight > 0);
  if (!usable) return { ...common, action: { type: 'respond', status: failure } };
  return withHeaders({ ...common, ...(requestHeaders === undefined ? {} : { requestHeaders }) }, backends, (all) => ({
    type: 'forward',
    backends: all,
    missingStatus: failure,
    ...policies(scope, rule, index, field, backends),
    ...(effects.rewrite === undefined ? {} : { rewrite: effects.rewrite }),
    ...(effects.mirrors === undefined ? {} : { mirrors: effects.mirrors }),
  }));
}

/** To one backend and nothing else, as nearly every rule is. */
function isPlain(rule: AnyRule): rule is AnyRule & { readonly backendRefs: readonly [AnyRule['backendRefs'][number]] } {
  const { filters, backendRefs, timeouts, retry, sessionPersistence } = rule;
  const [ref] = backendRefs;
  return (
    backendRefs.length === 1 &&
    ref !== undefined &&
    ref.weight > 0 &&
    ref.filters.length === 0 &&
    filters.length === 0 &&
    timeouts === undefined &&
    retry === undefined &&
    sessionPersistence === undefined
  );
}

const plainForwards = { 500: new WeakMap<Backend, RuleEffect>(), 503: new WeakMap<Backend, RuleEffect>() };

/** One object for all plain rules to a backend: they are many, and it says nothing of them. */
function plainForward(backend: Backend, failure: 500 | 503): RuleEffect {
  let effect = plainForwards[failure].get(backend);
  if (effect === undefined) {
    effect = {
      action: { type: 'forward', backends: [{ backend: backend.name, weight: 1 }], missingStatus: failure },
    };
    plainForwards[failure].set(backend, effect);
  }
  return effect;
}

/**
 * Filters of backends that Envoy can only run for a whole rule (rewrite, redirect, mirror, CORS): they are the rule's if all
 * backends that get requests agree, as one alone always does.
 */
function liftedFilters(rule: AnyRule, own: readonly (BackendFilters | Problem)[]): readonly PlacedFilter[] | Problem {
  let lifted: readonly PlacedFilter[] | undefined;
  for (const [i, filters] of own.entries()) {
    if (isProblem(filters)) return filters;
    if (rule.backendRefs[i]?.weight === 0) continue;
    if (lifted === undefined) lifted = filters.others;
    else if (!sameFilters(lifted, filters.others)) {
      const { field, filter } = (filters.others[0] ?? lifted[0]) as PlacedFilter;
      return {
        field,
        reason: 'IncompatibleFilters',
        message: `the backends of a rule differ in a filter of type ${filter.type}`,
        hint: 'give all of them the same one, or move it to the filters of the rule; headers may differ by backend',
      };
    }
  }
  return lifted ?? [];
}

function weightedBackends(
  scope: RouteScope,
  rule: AnyRule,
  own: readonly BackendFilters[],
  field: string,
): WeightedBackend[] {
  const ownRetries = rule.retry !== undefined || rule.timeouts?.backendRequest !== undefined;
  return rule.backendRefs.map((ref, i) => {
    const { failed, requestHeaders, responseHeaders } = own[i] as BackendFilters;
    const backend = scope.backend(ref, `${field}.backendRefs[${i}]`, { ownRetries });
    return {
      backend: failed ? undefined : backend?.name,
      weight: ref.weight,
      ...(requestHeaders === undefined ? {} : { requestHeaders }),
      ...(responseHeaders === undefined ? {} : { responseHeaders }),
    };
  });
}

/**
 * Once a backend has header changes of its own, the rule's are joined into every backend's: then the order (requests: the
 * rule's first, responses: the backend's first) does not depend on Envoy's.
 */
function withHeaders(
  rule: Omit<RuleEffect, 'action'>,
  backends: readonly WeightedBackend[],
  action: (backends: readonly WeightedBackend[]) => HttpAction,
): RuleEffect {
  if (!backends.some((each) => each.requestHeaders ?? each.responseHeaders)) {
    return { ...rule, action: action(backends) };
  }
  const joined = backends.map(({ backend, weight, ...own }) => {
    const requestHeaders = thenChanges(rule.requestHeaders, own.requestHeaders);
    const responseHeaders = thenChanges(own.responseHeaders, rule.responseHeaders);
    return {
      backend,
      weight,
      ...(requestHeaders === undefined ? {} : { requestHeaders }),
      ...(responseHeaders === undefined ? {} : { responseHeaders }),
    };
  });
  const { requestHeaders: _request, responseHeaders: _response, ...rest } = rule;
  return { ...rest, action: action(joined) };
}

function policies(
  scope: RouteScope,
  rule: AnyRule,
  index: number,
  field: string,
  backends: readonly WeightedBackend[],
) {
  const { timeouts, retry, sessionPersistence } = rule;
  return {
    ...(timeouts?.request === undefined ? {} : { timeoutMs: timeouts.request }),
    ...(timeouts?.backendRequest === undefined ? {} : { tryTimeoutMs: timeouts.backendRequest }),
    ...(retry === undefined
      ? {}
      : {
          retry: {
            // 0 is said too: it turns off what is retried without being asked for.
            attempts: retry.attempts,
            codes: retry.codes,
            // Envoy takes no base interval under 1 ms.
            ...(retry.backoff === undefined ? {} : { backoffMs: Math.max(1, retry.backoff) }),
          },
        }),
    ...(sessionPersistence === undefined
      ? {}
      : { session: session(scope, sessionPersistence, rule.name ?? `${index}`, field, backends) }),
  };
}

function session(
  scope: RouteScope,
  persistence: SessionPersistence,
  rule: string,
  field: string,
  backends: readonly WeightedBackend[],
): Session {
  const { type, sessionName, absoluteTimeout, cookie } = persistence;
  const at = `${field}.sessionPersistence`;
  if (backends.filter(({ weight }) => weight > 0).length > 1)
    scope.warn({
      field: at,
      reason: 'UnsupportedValue',
      message:
        'the rule splits requests among several backends, and a session sticks to an endpoint of one of them only',
      hint: 'use one backend for each rule with sessionPersistence',
    });
  const permanent = type === 'Cookie' && cookie?.lifetimeType === 'Permanent';
  if (absoluteTimeout !== undefined && !permanent)
    scope.warn({
      field: `${at}.absoluteTimeout`,
      reason: 'UnsupportedValue',
      message: 'is not enforced: only permanent cookies expire',
      hint: 'use a cookie with lifetimeType Permanent',
    });
  const name = sessionName ?? sessionNameOf(scope, rule, type);
  if (type === 'Header') return { type: 'header', name: name.toLowerCase() };
  return {
    type: 'cookie',
    name,
    path: cookie?.path ?? '/',
    ...(permanent && absoluteTimeout !== undefined ? { lifetimeMs: absoluteTimeout } : {}),
  };
}

/** The same after each restart and on each node, and another for each rule: clients keep it. */
function sessionNameOf({ ref }: RouteScope, rule: string, type: SessionPersistence['type']): string {
  const id = createHash('sha256').update(`${ref.kind}/${ref.namespace}/${ref.name}/${rule}`).digest('hex').slice(0, 12);
  return type === 'Header' ? `x-session-${id}` : `session-${id}`;
}
