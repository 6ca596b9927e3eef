import { quoteRegex } from '../../lib/regex.ts';

/** The host of rules without one. */
export const anyHost = '*';

export function isWildcard(host: string): boolean {
  return host.startsWith('*.');
}

/** Whether a TLS host covers a rule's host. A wildcard stands for one label, as in certificates (RFC 6125, 6.4.3). */
export function coversHost(pattern: string, host: string): boolean {
  if (pattern === host) return true;
  if (!isWildcard(pattern)) return false;
  const dot = host.indexOf('.');
  return dot > 0 && !host.startsWith('*') && host.slice(dot) === pattern.slice(1);
}

/*
 * A virtual host `*.example.com` of the model takes any number of labels, an Ingress' wildcard exactly one. So the routes
 * of such a host look at the authority: those of the wildcard want one label, and those of the catch-all host, copied
 * there, want more: such a request belongs to them, and would not reach them otherwise.
 */

/** RE2 for `:authority`: one label before the suffix of `*.suffix`. */
export function oneLabel(wildcard: string): string {
  return authority('[^.:]+', wildcard);
}

/** RE2 for `:authority`: two labels or more before the suffix of `*.suffix`. */
export function moreLabels(wildcard: string): string {
  return authority('[^:]*[.][^.:]*', wildcard);
}

function authority(labels: string, wildcard: string): string {
  return `(?i)${labels}${quoteRegex(wildcard.slice(1))}[.]?(?::[0-9]+)?`;
}
