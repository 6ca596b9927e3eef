import type { MessageInitShape } from '@bufbuild/protobuf';
import { type HeaderMatcherSchema, RouteMatchSchema } from '../../../gen/envoy/config/route/v3/route_components_pb.ts';
import { encoded } from '../../../lib/protobuf-encode.ts';
import type { HttpMatch, PathMatch, ValueMatch } from '../../model/index.ts';

type RouteMatch = MessageInitShape<typeof RouteMatchSchema>;
type HeaderMatcher = MessageInitShape<typeof HeaderMatcherSchema>;

/** Envoy matches a regular expression against the whole value, as the model says. */
export function httpMatchToEnvoy(match: HttpMatch): RouteMatch {
  const pathSpecifier = pathToEnvoy(match.path);
  if (
    match.method === undefined &&
    match.authority === undefined &&
    match.headers === undefined &&
    match.query === undefined &&
    match.grpc === undefined
  )
    return isEverything(match.path) ? everything : { pathSpecifier };
  const headers: HeaderMatcher[] = [];
  if (match.method !== undefined) headers.push(headerMatcher({ name: ':method', type: 'exact', value: match.method }));
  if (match.authority !== undefined)
    headers.push(headerMatcher({ name: ':authority', type: 'regex', value: match.authority }));
  for (const header of match.headers ?? []) headers.push(headerMatcher(header));
  return {
    pathSpecifier,
    headers,
    ...(match.grpc === undefined ? {} : { grpc: {} }),
    queryParameters: (match.query ?? []).map((query) => ({
      name: query.name,
      queryParameterMatchSpecifier: { case: 'stringMatch', value: stringMatcher(query) },
    })),
  };
}

/** What nearly every route has. */
const everything = encoded(RouteMatchSchema, { pathSpecifier: { case: 'prefix', value: '/' } });

// Everything starts with "/", which path_separated_prefix does not take.
function isEverything({ type, value }: PathMatch): boolean {
  return type === 'prefix' && (value === '/' || value === '');
}

function pathToEnvoy(path: PathMatch): NonNullable<RouteMatch['pathSpecifier']> {
  switch (path.type) {
    case 'exact':
      return { case: 'path', value: path.value };
    case 'regex':
      return { case: 'safeRegex', value: { regex: path.value } };
    case 'prefix':
      return isEverything(path) ? { case: 'prefix', value: '/' } : { case: 'pathSeparatedPrefix', value: path.value };
  }
}

const headerMatcher = (match: ValueMatch): HeaderMatcher => ({
  name: match.name,
  headerMatchSpecifier: { case: 'stringMatch', value: stringMatcher(match) },
});

const stringMatcher = (match: ValueMatch) => ({
  matchPattern:
    match.type === 'exact'
      ? { case: 'exact' as const, value: match.value }
      : { case: 'safeRegex' as const, value: { regex: match.value } },
});
