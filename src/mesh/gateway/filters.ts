import type { ExternalAuthFilter, GrpcRouteFilter, HttpRouteFilter } from '../../api/index.ts';
import { equal } from '../../lib/equal.ts';
import type { Cors, ExternalAuth, HeaderChanges, Mirror, Redirect, Rewrite } from '../model/index.ts';
import { headerChanges, repeatedNames, thenChanges, withoutHost } from './filters-headers.ts';
import { pathChange } from './filters-path.ts';
import type { Problem, RouteScope } from './http-rules-scope.ts';

type Filter = HttpRouteFilter | GrpcRouteFilter;

/** What a rule's filters come to. Absent: no filter of that type. */
export interface FilterEffects {
  readonly requestHeaders?: HeaderChanges;
  readonly responseHeaders?: HeaderChanges;
  readonly redirect?: Redirect;
  readonly rewrite?: Rewrite;
  readonly mirrors?: readonly Mirror[];
  readonly cors?: Cors;
  readonly externalAuth?: ExternalAuth;
  /** A filter that must not be skipped cannot be run: requests get an error. */
  readonly failed?: true;
}

const nothing: FilterEffects = {};

/** One filter and its path in the route. Those of a backend run after those of its rule. */
export interface PlacedFilter {
  readonly filter: Filter;
  readonly field: string;
}

export function placed(filters: readonly Filter[], field: string): readonly PlacedFilter[] {
  return filters.length === 0 ? none : filters.map((filter, i) => ({ filter, field: `${field}[${i}]` }));
}
const none: readonly PlacedFilter[] = [];

/**
 * Filters as effects, or why their combination cannot be (its rule is dropped then). Envoy has one order whatever the list's:
 * CORS, authorisation, header changes and rewrite, mirrors (which get the changed request).
 */
export function filterEffects(scope: RouteScope, filters: readonly PlacedFilter[]): FilterEffects | Problem {
  if (filters.length === 0) return nothing;
  const effects: { -readonly [K in keyof FilterEffects]: FilterEffects[K] } = {};
  const mirrors: Mirror[] = [];
  for (const { filter, field } of filters) {
    switch (filter.type) {
      case 'RequestHeaderModifier': {
        warnOfRepeats(scope, filter.requestHeaderModifier, `${field}.requestHeaderModifier`);
        const { rest, host, refused } = withoutHost(headerChanges(filter.requestHeaderModifier));
        if (refused) return hostProblem(field);
        assign(effects, 'requestHeaders', thenChanges(effects.requestHeaders, rest));
        if (host !== undefined) effects.rewrite = { ...effects.rewrite, hostname: host };
        break;
      }
      case 'ResponseHeaderModifier':
        warnOfRepeats(scope, filter.responseHeaderModifier, `${field}.responseHeaderModifier`);
        // Responses come back through the backend's filters before the rule's.
        assign(
          effects,
          'responseHeaders',
          thenChanges(headerChanges(filter.responseHeaderModifier), effects.responseHeaders),
        );
        break;
      case 'RequestMirror': {
        const { backendRef, fraction } = filter.requestMirror;
        const backend = scope.backend(backendRef, `${field}.requestMirror.backendRef`);
        if (backend !== undefined && fraction.numerator > 0) mirrors.push({ backend: backend.name, ...fraction });
        break;
      }
      case 'RequestRedirect':
        effects.redirect = redirect(filter.requestRedirect);
        break;
      case 'URLRewrite': {
        const { hostname, path } = filter.urlRewrite;
        effects.rewrite = {
          ...effects.rewrite,
          ...(hostname === undefined ? {} : { hostname }),
          ...(path === undefined ? {} : { path: pathChange(path) }),
        };
        break;
      }
      case 'CORS':
        effects.cors = filter.cors;
        break;
      case 'ExternalAuth': {
        const auth = externalAuth(scope, filter.externalAuth, `${field}.externalAuth`);
        if (auth === undefined) effects.failed = true;
        else if (effects.externalAuth !== undefined && !equal(auth, effects.externalAuth)) return twoAuths(field);
        else effects.externalAuth = auth;
        break;
      }
      case 'ExtensionRef': {
        const { group, kind, name } = filter.extensionRef;
        scope.unresolved({
          field: `${field}.extensionRef`,
          reason: 'InvalidKind',
          message: `filter ${name} is of kind ${group === '' ? kind : `${group}/${kind}`}, which is not known`,
          hint: 'remove it: requests that it should have processed get an error',
        });
        effects.failed = true;
      }
    }
  }
  if (effects.redirect !== undefined && filters.some(({ filter }) => filter.type === 'URLRewrite'))
    return {
      field: filters[0]?.field.replace(/\[\d+\]$/, '') ?? '',
      reason: 'IncompatibleFilters',
      message: 'URLRewrite and RequestRedirect are combined',
      hint: 'keep one of the two',
    };
  if (mirrors.length > 0) effects.mirrors = mirrors;
  return effects;
}

/** A backend's own filters: what can be done for one backend of several, and the rest. */
export interface BackendFilters {
  readonly requestHeaders?: HeaderChanges;
  readonly responseHeaders?: HeaderChanges;
  readonly failed?: true;
  /** Only for the whole rule: they need all its backends to agree. */
  readonly others: readonly PlacedFilter[];
}

export function backendFilters(scope: RouteScope, filters: readonly Filter[], field: string): BackendFilters | Problem {
  if (filters.length === 0) return { others: none };
  const all = placed(filters, field);
  const own = all.filter(({ filter }) => headersOrExtension(filter));
  const others = all.filter(({ filter }) => !headersOrExtension(filter));
  const effects = filterEffects(scope, own);
  if ('reason' in effects) return effects;
  const { requestHeaders, responseHeaders, failed } = effects;
  return {
    ...(requestHeaders === undefined ? {} : { requestHeaders }),
    ...(responseHeaders === undefined ? {} : { responseHeaders }),
    ...(failed === undefined ? {} : { failed }),
    others,
  };
}

/** Of the header modifiers, those that set the host need the whole rule: it is a rewrite to Envoy. */
function headersOrExtension(filter: Filter): boolean {
  if (filter.type === 'RequestHeaderModifier')
    return !filter.requestHeaderModifier.set.some(({ name }) => name.toLowerCase() === 'host');
  return filter.type === 'ResponseHeaderModifier' || filter.type === 'ExtensionRef';
}

/** Whether two backends ask the same of the whole rule. */
export function sameFilters(a: readonly PlacedFilter[], b: readonly PlacedFilter[]): boolean {
  return a.length === b.length && a.every(({ filter }, i) => equal(filter, b[i]?.filter));
}

function redirect(filter: Extract<HttpRouteFilter, { type: 'RequestRedirect' }>['requestRedirect']): Redirect {
  const { scheme, hostname, path, port, statusCode } = filter;
  return {
    type: 'redirect',
    ...(scheme === undefined ? {} : { scheme }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(path === undefined ? {} : { path: pathChange(path) }),
    ...(port === undefined ? {} : { port }),
    status: statusCode,
  };
}

/** undefined: its service is not there, and without it no request may go on. */
function externalAuth(
  scope: RouteScope,
  filter: ExternalAuthFilter['externalAuth'],
  field: string,
): ExternalAuth | undefined {
  const { protocol, backendRef, grpc, http, forwardBody } = filter;
  const backend = scope.backend(backendRef, `${field}.backendRef`, protocol === 'GRPC' ? { protocol: 'http2' } : {});
  if (backend === undefined) return undefined;
  return {
    backend: backend.name,
    ...(protocol === 'GRPC'
      ? { protocol: 'grpc', authority: `${backendRef.name}.${backendRef.namespace ?? scope.namespace}` }
      : { protocol: 'http' }),
    ...(http?.path === undefined || http.path === '' ? {} : { pathPrefix: http.path }),
    requestHeaders: lowerCase(grpc?.allowedHeaders ?? http?.allowedHeaders),
    responseHeaders: lowerCase(http?.allowedResponseHeaders),
    maxBody: forwardBody?.maxSize ?? 0,
  };
}

function lowerCase(names: readonly string[] = []): string[] {
  return names.map((name) => name.toLowerCase());
}

function twoAuths(field: string): Problem {
  return {
    field,
    reason: 'IncompatibleFilters',
    message: 'two different ExternalAuth filters apply to one rule',
    hint: 'keep one of them',
  };
}

function warnOfRepeats(scope: RouteScope, modifier: Parameters<typeof repeatedNames>[0], field: string): void {
  for (const name of repeatedNames(modifier))
    scope.warn({
      field,
      reason: 'DuplicateValue',
      message: `has several actions for the header ${name}`,
      hint: 'keep one: remove wins over set, and add comes after set',
    });
}

function hostProblem(field: string): Problem {
  return {
    field: `${field}.requestHeaderModifier`,
    reason: 'UnsupportedValue',
    message: 'adds to or removes the header host',
    hint: 'a request has one host: set it, or use URLRewrite',
  };
}

function assign<T, K extends keyof T>(target: T, key: K, value: T[K] | undefined): void {
  if (value !== undefined) target[key] = value;
}
