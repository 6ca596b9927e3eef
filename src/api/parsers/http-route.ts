import type { HttpPathMatch, HttpRouteMatch, HttpRouteRule } from '../route.ts';
import type { HttpRouteFilter } from '../route-filter.ts';
import {
  type Context,
  check,
  defaulted,
  duration,
  HEADER_VALUE,
  integer,
  list,
  map,
  object,
  oneOf,
  optional,
  required,
  type Schema,
  show,
  skipped,
  string,
  URL_PATH,
} from '../schema/index.ts';
import { FORBIDDEN_PATH_ENDS, FORBIDDEN_PATH_PARTS } from './networking.ts';
import { checkBackendPort, sectionName, weightedBackendFields } from './reference.ts';
import { commonFields, hostnames, sessionPersistence, uniqueRuleNames } from './route.ts';
import { firstOfEachName, headerName, httpFilters } from './route-filter.ts';

const ROOT: HttpPathMatch = { type: 'PathPrefix', value: '/' };
const EVERYTHING: readonly HttpRouteMatch[] = [{ path: ROOT, headers: [], queryParams: [] }];

const path: Schema<HttpPathMatch> = check(
  object({
    type: defaulted(oneOf('Exact', 'PathPrefix', 'RegularExpression'), 'PathPrefix'),
    value: defaulted(string({ max: 1024 }), '/'),
  }),
  ({ type, value }, context) => {
    if (type === 'RegularExpression') return;
    const at = ['value'];
    const part = [...FORBIDDEN_PATH_PARTS, '#'].find((each) => value.includes(each));
    const end = FORBIDDEN_PATH_ENDS.find((each) => value.endsWith(each));
    if (!value.startsWith('/'))
      context.error('InvalidValue', `is ${show(value)}`, `with type ${type} it must begin with /`, at);
    else if (part !== undefined)
      context.error('InvalidValue', `contains ${show(part)}`, `remove it: type ${type} takes no such path`, at);
    else if (end !== undefined)
      context.error('InvalidValue', `ends with ${show(end)}`, `remove it: type ${type} takes no such path`, at);
    else if (!URL_PATH.test(value))
      context.error('InvalidValue', `is ${show(value)}`, `with type ${type} it takes only ${URL_PATH.is}`, at);
  },
);

const matchType = defaulted(oneOf('Exact', 'RegularExpression'), 'Exact');
const byName = { what: 'name', key: (item: { readonly name: string }): string => item.name };

const match = object({
  path: defaulted(path, ROOT),
  headers: defaulted(
    map(
      list(
        object({
          type: matchType,
          name: required(headerName),
          value: required(string({ min: 1, max: 4096, format: HEADER_VALUE })),
        }),
        { max: 16, unique: byName },
      ),
      firstOfEachName,
    ),
    [],
  ),
  queryParams: defaulted(
    list(object({ type: matchType, name: required(headerName), value: required(string({ min: 1, max: 1024 })) }), {
      max: 16,
      unique: byName,
    }),
    [],
  ),
  method: optional(oneOf('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH')),
});

const timeouts = check(
  object({ request: optional(duration), backendRequest: optional(duration) }),
  ({ request, backendRequest }, context) => {
    if (request && backendRequest !== undefined && backendRequest > request)
      context.error('InvalidValue', 'is longer than the request timeout', 'a try cannot outlast its request', [
        'backendRequest',
      ]);
  },
);

const retry = object({
  attempts: defaulted(integer(0), 1),
  codes: defaulted(list(integer(400, 599), { unique: { what: 'code', key: (code) => code } }), []),
  backoff: optional(duration),
});

const backendRef = check(object({ ...weightedBackendFields, filters: defaulted(httpFilters, []) }), checkBackendPort);

const rule: Schema<HttpRouteRule> = check(
  object({
    name: optional(sectionName),
    matches: defaulted(
      map(list(match, { max: 64 }), (matches) => (matches.length === 0 ? EVERYTHING : matches)),
      EVERYTHING,
    ),
    filters: defaulted(httpFilters, []),
    backendRefs: defaulted(list(backendRef, { max: 16 }), []),
    timeouts: optional(timeouts),
    retry: optional(retry),
    sessionPersistence: optional(sessionPersistence),
  }),
  ({ matches, filters, backendRefs }, context) => {
    if (backendRefs.length > 0) {
      const redirect = filters.findIndex(({ type }) => type === 'RequestRedirect');
      if (redirect >= 0)
        context.error('InvalidValue', 'redirects, but the rule has backendRefs', 'remove one of the two', [
          'filters',
          redirect,
        ]);
    }
    if (matches.length === 1 && matches[0]?.path.type === 'PathPrefix') return;
    refusePrefixReplacement(filters, ['filters'], context);
    backendRefs.forEach((ref, i) => {
      refusePrefixReplacement(ref.filters, ['backendRefs', i, 'filters'], context);
    });
  },
);

/** Which prefix would it replace? */
function refusePrefixReplacement(
  filters: readonly HttpRouteFilter[],
  at: readonly (string | number)[],
  context: Context,
): void {
  filters.forEach((filter, i) => {
    const [field, modifier] =
      filter.type === 'RequestRedirect'
        ? ['requestRedirect', filter.requestRedirect.path]
        : filter.type === 'URLRewrite'
          ? ['urlRewrite', filter.urlRewrite.path]
          : ['', undefined];
    if (modifier?.type === 'ReplacePrefixMatch')
      context.error(
        'InvalidValue',
        'replaces a prefix, but the rule does not have exactly one match, of type PathPrefix',
        'give the rule one PathPrefix match, or use ReplaceFullPath',
        [...at, i, field as string, 'path'],
      );
  });
}

const MAX_MATCHES = 128;

const DEFAULT_RULE: HttpRouteRule = { matches: EVERYTHING, filters: [], backendRefs: [] };

export const httpRouteBody = object({
  spec: required(
    object({
      ...commonFields,
      hostnames,
      rules: defaulted(
        check(list(rule, { min: 1, max: 16 }), (rules, context) => {
          uniqueRuleNames(rules, context);
          const total = rules.reduce((sum, { matches }) => sum + matches.length, 0);
          if (total > MAX_MATCHES)
            context.error('InvalidValue', `have ${total} matches together`, `use at most ${MAX_MATCHES} a route`);
        }),
        [DEFAULT_RULE],
      ),
    }),
  ),
  status: skipped,
});
