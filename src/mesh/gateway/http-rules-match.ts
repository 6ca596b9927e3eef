import type { HttpRouteMatch, NamedMatch } from '../../api/index.ts';
import { checkRegex } from '../../lib/regex.ts';
import type { HttpMatch, PathMatch, ValueMatch } from '../model/index.ts';
import type { RuleOutput } from './contract.ts';
import { pathPrefix } from './filters-path.ts';
import type { Problem } from './http-rules-scope.ts';

export interface Matched {
  readonly http: HttpMatch;
  readonly precedence: RuleOutput['precedence'];
}

/** The spec ranks exact paths before prefixes and leaves regular expressions to us: between the two, as the more particular. */
const rank = { exact: 0, regex: 1, prefix: 2 } as const;

/** One HTTPRouteMatch, or what is wrong with it. Every condition must hold; header names ignore case. */
export function httpMatch(match: HttpRouteMatch, field: string): Matched | Problem {
  if (isEverything(match)) return everything;
  const path = pathMatch(match);
  const problem =
    (path.type === 'regex' ? regexProblem(path.value, `${field}.path.value`) : undefined) ??
    valuesProblem(match.headers, `${field}.headers`) ??
    valuesProblem(match.queryParams, `${field}.queryParams`);
  if (problem !== undefined) return problem;
  return {
    http: {
      path,
      ...(match.method === undefined ? {} : { method: match.method }),
      ...(match.headers.length === 0 ? {} : { headers: headerMatches(match.headers) }),
      ...(match.queryParams.length === 0 ? {} : { query: match.queryParams.map(valueMatch) }),
    },
    precedence: {
      path: rank[path.type],
      length: path.value.length,
      method: match.method !== undefined,
      headers: match.headers.length,
      query: match.queryParams.length,
    },
  };
}

/** What nearly every route asks for, or has where it asks for nothing. */
function isEverything({ path: { type, value }, method, headers, queryParams }: HttpRouteMatch): boolean {
  const isRoot = value === '/' && type === 'PathPrefix';
  return isRoot && method === undefined && headers.length === 0 && queryParams.length === 0;
}

const everything: Matched = {
  http: { path: { type: 'prefix', value: '/' } },
  precedence: { path: rank.prefix, length: 1, method: false, headers: 0, query: 0 },
};

function pathMatch({ path: { type, value } }: HttpRouteMatch): PathMatch {
  switch (type) {
    case 'Exact':
      return { type: 'exact', value };
    case 'RegularExpression':
      return { type: 'regex', value };
    case 'PathPrefix':
      return { type: 'prefix', value: pathPrefix(value) };
  }
}

/** Of several entries for one name the first counts (the spec says so). */
export function headerMatches(headers: readonly NamedMatch[]): ValueMatch[] {
  const seen = new Set<string>();
  const matches: ValueMatch[] = [];
  for (const header of headers) {
    const name = header.name.toLowerCase();
    if (seen.has(name)) continue;
    seen.add(name);
    matches.push({ ...valueMatch(header), name });
  }
  return matches;
}

function valueMatch({ name, type, value }: NamedMatch): ValueMatch {
  return { name, type: type === 'Exact' ? 'exact' : 'regex', value };
}

export function valuesProblem(values: readonly NamedMatch[], field: string): Problem | undefined {
  for (const [i, { type, value }] of values.entries()) {
    if (type !== 'RegularExpression') continue;
    const problem = regexProblem(value, `${field}[${i}].value`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

export function regexProblem(pattern: string, field: string): Problem | undefined {
  const wrong = checkRegex(pattern);
  return wrong === undefined
    ? undefined
    : {
        field,
        reason: 'UnsupportedValue',
        message: `"${pattern.length > 80 ? `${pattern.slice(0, 80)}...` : pattern}" cannot be used: ${wrong}`,
        hint: 'regular expressions are those of RE2: no look-around, no back-references',
      };
}

export function isProblem(value: object): value is Problem {
  return 'reason' in value;
}
