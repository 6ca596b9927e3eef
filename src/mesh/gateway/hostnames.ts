/** Host patterns of listeners and routes: an exact name, `*.suffix` (one label or more before the suffix), or `*`. */

/** Whether every host that `inner` stands for is one that `outer` stands for. */
export function covers(outer: string, inner: string): boolean {
  if (outer === '*' || outer === inner) return true;
  if (!outer.startsWith('*.')) return false;
  // `*.example.com` covers `a.example.com` and `*.a.example.com`, not `example.com`.
  return inner.length > outer.length - 1 && inner.endsWith(outer.slice(1));
}

/** The hosts that both stand for: the narrower of the two, since one of two patterns that share a host covers the other. */
export function intersect(a: string, b: string): string | undefined {
  return covers(a, b) ? b : covers(b, a) ? a : undefined;
}

/** Order of precedence among hosts that a route names: exact before wildcards, longer wildcards first, `*` last. */
export function hostRank(host: string): number {
  if (host === '*') return 1000;
  return host.startsWith('*.') ? 1000 - host.length : 0;
}

/** Whether `inner` is a part of `outer`, and not all of it. */
export function narrower(inner: string, outer: string): boolean {
  return inner !== outer && covers(outer, inner);
}
