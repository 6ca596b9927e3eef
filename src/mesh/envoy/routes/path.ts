import type { MessageInitShape } from '@bufbuild/protobuf';
import type { RegexMatchAndSubstituteSchema } from '../../../gen/envoy/type/matcher/v3/regex_pb.ts';
import { quoteRegex } from '../../../lib/regex.ts';
import type { PathMatch, Rewrite } from '../../model/index.ts';

type Regex = MessageInitShape<typeof RegexMatchAndSubstituteSchema>;

/** How a path is replaced: the whole of it, what the route's prefix matched, or what an expression finds. The query stays. */
export type PathReplacement =
  | { readonly type: 'full'; readonly value: string }
  | { readonly type: 'prefix'; readonly value: string }
  | { readonly type: 'regex'; readonly value: Regex };

/**
 * Gateway API's HTTPPathModifier (its table at `ReplacePrefixMatch`): a prefix is replaced by segments, trailing slashes of
 * the replacement don't count, and what is left without any segment is `/`. undefined: the path stays as it is.
 */
export function pathReplacement(match: PathMatch, path: NonNullable<Rewrite['path']>): PathReplacement | undefined {
  if (path.type === 'full') return { type: 'full', value: path.value === '' ? '/' : path.value };
  const replacement = path.value.replace(/\/+$/, '');
  // An exact match is a prefix match without a rest.
  if (match.type === 'exact') return { type: 'full', value: replacement === '' ? '/' : replacement };
  if (match.type === 'regex') return undefined;
  const prefix = match.value === '' ? '/' : match.value;
  if (prefix === '/') return replacement === '' ? undefined : { type: 'prefix', value: `${replacement}/` };
  if (replacement !== '') return { type: 'prefix', value: replacement };
  // Envoy puts the rest behind the replacement as it is, so "/" would make "//rest".
  return { type: 'regex', value: { pattern: { regex: `^${quoteRegex(prefix)}/?` }, substitution: '/' } };
}

/** For a RouteAction, which has no field for the whole path. */
export function pathRewrite(replacement: PathReplacement) {
  switch (replacement.type) {
    case 'prefix':
      return { prefixRewrite: replacement.value };
    case 'regex':
      return { regexRewrite: replacement.value };
    case 'full':
      return {
        regexRewrite: { pattern: { regex: '^/.*$' }, substitution: replacement.value.replaceAll('\\', '\\\\') },
      };
  }
}

/** For a RedirectAction. */
export function pathRedirect(replacement: PathReplacement) {
  switch (replacement.type) {
    case 'prefix':
      return { case: 'prefixRewrite' as const, value: replacement.value };
    case 'regex':
      return { case: 'regexRewrite' as const, value: replacement.value };
    case 'full':
      return { case: 'pathRedirect' as const, value: replacement.value };
  }
}
