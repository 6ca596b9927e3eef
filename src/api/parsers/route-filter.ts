import type {
  CorsFilter,
  ExternalAuthFilter,
  GrpcRouteFilter,
  HeaderModifier,
  HttpHeader,
  HttpRouteFilter,
  PathModifier,
  RequestMirrorFilter,
} from '../route-filter.ts';
import {
  boolean,
  type Context,
  check,
  DNS_SUBDOMAIN,
  defaulted,
  type Field,
  HEADER_NAME,
  HEADER_VALUE,
  integer,
  list,
  map,
  object,
  oneOf,
  oneOfNumbers,
  optional,
  pattern,
  required,
  type Schema,
  string,
  URL_PATH,
} from '../schema/index.ts';
import { backendObjectReference, localReference, port } from './reference.ts';

export const headerName = string({ min: 1, max: 256, format: HEADER_NAME });
const preciseHostname = string({ min: 1, max: 253, format: DNS_SUBDOMAIN });

/**
 * Of entries whose names differ in case alone only the first counts, says the spec ("subsequent entries with an equivalent
 * header name MUST be ignored"); the CRD itself refuses only what is equal to the letter.
 */
export function firstOfEachName<T extends { readonly name: string }>(
  items: readonly T[],
  context: Context,
): readonly T[] {
  if (items.length < 2) return items;
  const seen = new Set<string>();
  const kept = items.filter(({ name }, i) => {
    const lower = name.toLowerCase();
    if (!seen.has(lower)) return seen.add(lower);
    context.warning('DuplicateValue', `repeats the header ${lower}`, 'it is ignored: remove it', [i, 'name']);
    return false;
  });
  return kept.length === items.length ? items : kept;
}

const byName = { what: 'name', key: (item: { readonly name: string }): string => item.name };
const headers: Schema<readonly HttpHeader[]> = map(
  list(
    object({
      name: required(headerName),
      value: required(string({ min: 1, max: 4096, format: HEADER_VALUE })),
    }),
    { max: 16, unique: byName },
  ),
  firstOfEachName,
);

const unique = { what: 'value', key: (item: string): string => item };

const headerModifier: Schema<HeaderModifier> = object({
  set: defaulted(headers, []),
  add: defaulted(headers, []),
  remove: defaulted(list(string(), { max: 16, unique }), []),
});

const requestMirror: Schema<RequestMirrorFilter['requestMirror']> = map(
  object({
    backendRef: required(backendObjectReference),
    percent: optional(integer(0, 100)),
    fraction: optional(
      check(
        object({ numerator: required(integer(0)), denominator: defaulted(integer(1), 100) }),
        ({ numerator, denominator }, context) => {
          if (numerator > denominator)
            context.error('InvalidValue', `is ${numerator}/${denominator}`, 'it must be at most 1', ['numerator']);
        },
      ),
    ),
  }),
  ({ backendRef, percent, fraction }, context) => {
    if (percent !== undefined && fraction !== undefined)
      context.error('InvalidValue', 'has both percent and fraction', 'keep one of them');
    return { backendRef, fraction: fraction ?? { numerator: percent ?? 100, denominator: 100 } };
  },
);

const pathModifier: Schema<PathModifier> = map(
  object({
    type: required(oneOf('ReplaceFullPath', 'ReplacePrefixMatch')),
    replaceFullPath: optional(string({ max: 1024 })),
    replacePrefixMatch: optional(string({ max: 1024 })),
  }),
  ({ type, replaceFullPath, replacePrefixMatch }, context): PathModifier => {
    const full = type === 'ReplaceFullPath';
    const [wanted, other] = full
      ? (['replaceFullPath', 'replacePrefixMatch'] as const)
      : (['replacePrefixMatch', 'replaceFullPath'] as const);
    if ((full ? replaceFullPath : replacePrefixMatch) === undefined)
      context.error('MissingField', 'is missing', `type ${type} needs it`, [wanted]);
    if ((full ? replacePrefixMatch : replaceFullPath) !== undefined)
      context.error('InvalidValue', `does not belong to type ${type}`, `remove it, or change type`, [other]);
    return full
      ? { type: 'ReplaceFullPath', replaceFullPath: replaceFullPath as string }
      : { type: 'ReplacePrefixMatch', replacePrefixMatch: replacePrefixMatch as string };
  },
);

const requestRedirect = object({
  scheme: optional(oneOf('http', 'https')),
  hostname: optional(preciseHostname),
  path: optional(pathModifier),
  port: optional(port),
  statusCode: defaulted(oneOfNumbers(301, 302, 303, 307, 308), 302),
});

const urlRewrite = object({ hostname: optional(preciseHostname), path: optional(pathModifier) });

const ORIGIN = pattern(
  'an origin such as https://example.com, https://*.example.com:8443, or *',
  '\\*|https?:\\/\\/(?:(?:\\*\\.)?(?:[a-zA-Z0-9-]+\\.)*[a-zA-Z0-9-]+|\\*)(?::[0-9]{1,5})?',
);

/** A set in which `*` stands alone. */
function wildcardSet(item: Schema<string>, max: number): Schema<readonly string[]> {
  return check(list(item, { max, unique }), (items, context) => {
    if (items.length > 1 && items.includes('*'))
      context.error('InvalidValue', 'has * alongside other values', 'keep either * or the others');
  });
}

const cors: Schema<CorsFilter['cors']> = object({
  allowOrigins: defaulted(wildcardSet(string({ min: 1, max: 253, format: ORIGIN }), 64), []),
  allowMethods: defaulted(
    wildcardSet(oneOf('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', '*'), 9),
    [],
  ),
  allowHeaders: defaulted(wildcardSet(headerName, 64), []),
  exposeHeaders: defaulted(list(headerName, { max: 64, unique }), []),
  allowCredentials: defaulted(boolean, false),
  maxAge: defaulted(integer(1, 2 ** 31 - 1), 5),
});

const allowedHeaders = defaulted(list(string(), { max: 64, unique }), []);

export const externalAuth: Schema<ExternalAuthFilter['externalAuth']> = check(
  object({
    protocol: required(oneOf('HTTP', 'GRPC')),
    backendRef: required(backendObjectReference),
    grpc: optional(object({ allowedHeaders })),
    http: optional(
      object({
        path: optional(string({ max: 1024, format: URL_PATH })),
        allowedHeaders,
        allowedResponseHeaders: allowedHeaders,
      }),
    ),
    forwardBody: optional(object({ maxSize: defaulted(integer(0, 2 ** 31 - 1), 0) })),
  }),
  ({ protocol, grpc, http }, context) => {
    const wanted = protocol === 'GRPC' ? 'grpc' : 'http';
    const other = protocol === 'GRPC' ? 'http' : 'grpc';
    if ((protocol === 'GRPC' ? grpc : http) === undefined)
      context.error('MissingField', 'is missing', `protocol ${protocol} needs it`, [wanted]);
    if ((protocol === 'GRPC' ? http : grpc) !== undefined)
      context.error('InvalidValue', `does not belong to protocol ${protocol}`, 'remove it', [other]);
  },
);

const FIELD_OF = {
  RequestHeaderModifier: 'requestHeaderModifier',
  ResponseHeaderModifier: 'responseHeaderModifier',
  RequestMirror: 'requestMirror',
  RequestRedirect: 'requestRedirect',
  URLRewrite: 'urlRewrite',
  CORS: 'cors',
  ExternalAuth: 'externalAuth',
  ExtensionRef: 'extensionRef',
} as const;

/** `type` and the one field of its name; checks that they go together and keeps those two alone. */
export function filterUnion<T extends { readonly type: keyof typeof FIELD_OF }>(
  types: readonly T['type'][],
  fields: Readonly<Record<string, Field>>,
): Schema<T> {
  const read = object({ type: required(oneOf(...types)), ...fields }) as Schema<
    { readonly type: T['type'] } & Readonly<Record<string, unknown>>
  >;
  return map(read, (filter, context) => {
    const wanted = FIELD_OF[filter.type];
    for (const name in filter)
      if (name !== 'type' && name !== wanted)
        context.error(
          'InvalidValue',
          `does not belong to a filter of type ${filter.type}`,
          'remove it, or change type',
          [name],
        );
    if (filter[wanted] === undefined)
      context.error('MissingField', 'is missing', `a filter of type ${filter.type} needs it`, [wanted]);
    return { type: filter.type, [wanted]: filter[wanted] } as unknown as T;
  });
}

const grpcFields = {
  requestHeaderModifier: optional(headerModifier),
  responseHeaderModifier: optional(headerModifier),
  requestMirror: optional(requestMirror),
  extensionRef: optional(localReference),
};

/** At most one filter of each of these types, in one list. */
function filterList<T extends { readonly type: string }>(item: Schema<T>, single: readonly T['type'][]) {
  return check(list(item, { max: 16 }), (filters, context) => {
    if (filters.length < 2) return;
    for (const type of single)
      filters
        .flatMap((filter, i) => (filter.type === type ? [i] : []))
        .slice(1)
        .forEach((i) => {
          context.error('DuplicateValue', `repeats the filter ${type}`, 'a list takes it once: merge the two', [i]);
        });
    const redirect = filters.findIndex(({ type }) => type === 'RequestRedirect');
    if (redirect >= 0 && filters.some(({ type }) => type === 'URLRewrite'))
      context.error('InvalidValue', 'redirects what another filter rewrites', 'keep RequestRedirect or URLRewrite', [
        redirect,
      ]);
  });
}

export const grpcFilters: Schema<readonly GrpcRouteFilter[]> = filterList(
  filterUnion<GrpcRouteFilter>(
    ['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestMirror', 'ExtensionRef'],
    grpcFields,
  ),
  ['RequestHeaderModifier', 'ResponseHeaderModifier'],
);

export const httpFilters: Schema<readonly HttpRouteFilter[]> = filterList(
  filterUnion<HttpRouteFilter>(Object.keys(FIELD_OF) as (keyof typeof FIELD_OF)[], {
    ...grpcFields,
    requestRedirect: optional(requestRedirect),
    urlRewrite: optional(urlRewrite),
    cors: optional(cors),
    externalAuth: optional(externalAuth),
  }),
  ['CORS', 'RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect', 'URLRewrite'],
);
