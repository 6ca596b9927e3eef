import { isObject } from '../../../lib/is-object.ts';
import type { Route } from '../router.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import { findEndpoint } from './endpoint-id.ts';

/**
 * DNS names. Nobody's answers are read here, so `toFQDNs` lets nothing through, and nothing is in the cache: Cilium's agent answers 404
 * then. The names that policies have are told all the same.
 */
export function fqdnRoutes(view: DatapathView): Route[] {
  return [
    { method: 'GET', path: '/fqdn/cache', handle: () => ({ status: 404 }) },
    { method: 'DELETE', path: '/fqdn/cache', handle: () => ({}) },
    {
      method: 'GET',
      path: '/fqdn/cache/{id}',
      handle({ parameters: { id = '' } }) {
        findEndpoint(view, id);
        return { status: 404 };
      },
    },
    {
      method: 'GET',
      path: '/fqdn/names',
      handle: () => ({ body: { DNSPollNames: [], FQDNPolicySelectors: selectorsOf(view) } }),
    },
  ];
}

function selectorsOf(view: DatapathView) {
  const found = new Map<string, { selectorString: string; regexString: string }>();
  for (const { rule } of view.policy().rules)
    for (const traffic of Array.isArray(rule.egress) ? rule.egress : [])
      for (const fqdn of isObject(traffic) && Array.isArray(traffic.toFQDNs) ? traffic.toFQDNs : []) {
        const { matchName = '', matchPattern = '' } = fqdn as { matchName?: string; matchPattern?: string };
        const selectorString = `MatchName: ${matchName}, MatchPattern: ${matchPattern}`;
        found.set(selectorString, { selectorString, regexString: regexOf(matchName || matchPattern) });
      }
  return [...found.values()];
}

/** `*` is any number of characters that a label may have. */
function regexOf(pattern: string): string {
  const parts = pattern.split('*').map((part) => part.replaceAll('.', '[.]'));
  return `^${parts.join('[-a-zA-Z0-9_]*')}[.]$`;
}
