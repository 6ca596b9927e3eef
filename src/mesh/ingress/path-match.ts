import type { IngressPath } from '../../api/index.ts';
import { checkRegex } from '../../lib/regex.ts';
import type { PathMatch } from '../model/index.ts';

/**
 * The order in which paths of one host are tried: exact ones, then prefixes, then regular expressions (longer before
 * shorter within each), then `/`, which would hide every expression, and at last the default backend.
 */
const rank = { exact: 0, prefix: 1, regex: 2, everything: 3, redirect: 7, default: 8 } as const;

export interface PathRule {
  readonly match: PathMatch;
  /** `Precedence.path` and `.length`. */
  readonly rank: number;
  readonly length: number;
}

const everything: PathMatch = { type: 'prefix', value: '/' };

/** All of a host that has TLS and no rule of its own. */
export const redirectRule: PathRule = { match: everything, rank: rank.redirect, length: 0 };
export const defaultRule: PathRule = { match: everything, rank: rank.default, length: 0 };

/**
 * What an Ingress path matches.
 *
 * - `Prefix` goes by segments: a trailing slash changes nothing (the table of the Kubernetes documentation).
 * - `ImplementationSpecific` is, as in Cilium, a regular expression that the whole path must match: one without any
 *   special character matches just itself. Alone `/` (which is also what an absent path means) matches everything, not
 *   just `/`: that is what each chart means that writes it.
 */
export function pathRule({ pathType, path }: IngressPath): PathRule | { readonly wrong: string } {
  if (pathType === 'Exact') return rule({ type: 'exact', value: path });
  if (pathType === 'ImplementationSpecific' && path !== '/') {
    const wrong = checkRegex(path);
    return wrong === undefined ? rule({ type: 'regex', value: path }) : { wrong };
  }
  const value = withoutTrailingSlashes(path);
  return value === '/' ? { match: everything, rank: rank.everything, length: 1 } : rule({ type: 'prefix', value });
}

function rule(match: PathMatch): PathRule {
  return { match, rank: rank[match.type], length: match.value.length };
}

function withoutTrailingSlashes(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === '/') end--;
  return path.slice(0, end);
}
