import { type Diagnostic, type Ingress, type IngressBackend, type ObjectRef, refOf } from '../../api/index.ts';
import type { DerivedCollection, Fetch, Store } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';
import type { Backend, HttpAction, MeshOptions } from '../model/index.ts';
import { resolveBackend } from './backend.ts';
import { anyHost } from './host-match.ts';
import { defaultRule, type PathRule, pathRule, redirectRule } from './path-match.ts';
import { httpsPortOf, type Placed } from './placement.ts';
import { tlsHostsOf } from './tls-hosts.ts';

/** The host key of a default backend that takes whatever nothing else in its slot takes: that of an Ingress without rules. */
export const elsewhere = '**';

/** That an Ingress wants a path on a host. Of several claims to the same, the oldest is served. */
export interface Claim {
  readonly key: string;
  readonly slot: string;
  /** A rule's host, `*`, or `elsewhere`. */
  readonly host: string;
  readonly rule: PathRule;
  /** Claims with equal ones exclude each other. */
  readonly subject: string;
  readonly owner: ObjectRef;
  readonly ownerKey: string;
  readonly created: number;
  /** Position in the Ingress. */
  readonly position: readonly [rule: number, path: number];
  readonly field: string;
  readonly http: HttpAction;
  /** Absent: nothing is to be served over HTTPS. */
  readonly https?: HttpAction;
  readonly backend?: Backend;
  readonly problem?: Diagnostic;
}

function subjectOf(slot: string, host: string, rule: PathRule): string {
  if (rule === defaultRule) return defaultSubject(slot, host);
  return rule === redirectRule ? `${slot}|${host}|redirect` : `${slot}|${host}|${rule.match.type}|${rule.match.value}`;
}
export function defaultSubject(slot: string, host: string): string {
  return `${slot}|${host}|default`;
}

/** Every path, and every default backend on each of its hosts. */
export function deriveClaims(
  store: Store,
  tables: Tables,
  placed: DerivedCollection<Placed>,
  options: MeshOptions,
): DerivedCollection<Claim> {
  return store.derive<Placed, Claim>(placed, {
    name: 'ingress/claims',
    map: (fetch, entry) => {
      if (entry.slot === undefined) return [];
      const claims = entry.settings.tlsPassthrough
        ? passthroughClaims(entry, entry.slot, options)
        : httpClaims(fetch, tables, entry, entry.slot, options);
      return claims.map((claim) => [claim.key, claim]);
    },
  });
}

/** A path whose expression RE2 refuses claims nothing; see `pathProblems`. */
function httpClaims(fetch: Fetch, tables: Tables, entry: Placed, slot: string, options: MeshOptions): Claim[] {
  const { ingress } = entry;
  const claims: Claim[] = [];
  const tlsHosts = tlsHostsOf(ingress);
  const add = (host: string, rule: PathRule, position: Claim['position'], field: string, wanted: IngressBackend) => {
    const found = resolveBackend(fetch, tables, ingress.metadata.namespace ?? '', wanted, field);
    const forward = forwardTo(found.backend, entry);
    const secured = redirects(entry, options) && tlsHosts.has(host);
    claims.push({
      ...claimBase(entry, slot, host, rule, position, field),
      http: secured ? redirectTo(entry, options) : forward,
      https: forward,
      ...found,
    });
  };

  for (const [r, { host = anyHost, paths }] of ingress.spec.rules.entries())
    for (const [p, path] of paths.entries()) {
      const rule = pathRule(path);
      if ('match' in rule) add(host, rule, [r, p], `spec.rules[${r}].http.paths[${p}].backend`, path.backend);
    }

  const { defaultBackend, rules } = ingress.spec;
  if (defaultBackend !== undefined) {
    const hosts = rules.length === 0 ? [anyHost, elsewhere] : [...new Set(rules.map((rule) => rule.host ?? anyHost))];
    for (const host of hosts) add(host, defaultRule, [rules.length, 0], 'spec.defaultBackend', defaultBackend);
  }
  claims.push(...tlsOnlyHostClaims(entry, slot, options));
  return claims;
}

/**
 * Hosts that only `spec.tls` names, in an Ingress that serves every host: over HTTP they redirect like the others with
 * TLS. Over HTTPS nothing is claimed, so the rules without a host serve them.
 */
function tlsOnlyHostClaims(entry: Placed, slot: string, options: MeshOptions): Claim[] {
  const { spec } = entry.ingress;
  const servesAll = spec.rules.length === 0 || spec.rules.some((rule) => rule.host === undefined);
  if (!servesAll || !redirects(entry, options)) return [];
  const named = new Set(spec.rules.map((rule) => rule.host ?? anyHost));
  // Where the catch-all host itself has TLS, its own claims redirect everything.
  const { hosts } = tlsHostsOf(entry.ingress);
  if (hosts.has(anyHost)) return [];
  return [...hosts]
    .filter((host) => !named.has(host))
    .map((host) => redirectClaim(entry, slot, host, 'spec.tls', options));
}

/** TLS is passed on, so over HTTP there is nothing to serve but the way to HTTPS. */
function passthroughClaims(entry: Placed, slot: string, options: MeshOptions): Claim[] {
  if (!redirects(entry, options)) return [];
  const hosts = new Map(entry.ingress.spec.rules.map((rule, r) => [rule.host, `spec.rules[${r}]`]));
  return [...hosts].flatMap(([host, field]) =>
    host === undefined ? [] : [redirectClaim(entry, slot, host, field, options)],
  );
}

function redirectClaim(entry: Placed, slot: string, host: string, field: string, options: MeshOptions): Claim {
  return { ...claimBase(entry, slot, host, redirectRule, [-1, 0], field), http: redirectTo(entry, options) };
}

function claimBase(
  { key, ingress }: Placed,
  slot: string,
  host: string,
  rule: PathRule,
  position: Claim['position'],
  field: string,
) {
  const suffix =
    rule === defaultRule ? `default|${host}` : rule === redirectRule ? `redirect|${host}` : position.join('|');
  return {
    key: `${key}|${suffix}`,
    slot,
    host,
    rule,
    subject: subjectOf(slot, host, rule),
    owner: refOf(ingress),
    ownerKey: key,
    created: ingress.metadata.creationTimestamp,
    position,
    field,
  };
}

function redirects({ settings }: Placed, options: MeshOptions): boolean {
  return settings.forceHttps ?? options.enforceHttps;
}

/**
 * 301, not 308: it is what Cilium answers. Also while a Secret is missing: who enforces HTTPS wants nothing in plain text.
 * Only the Ingress that asks for it redirects: another one's paths on the same host (an ACME solver's) stay on HTTP.
 */
function redirectTo(entry: Placed, options: MeshOptions): HttpAction {
  const port = httpsPortOf(entry, options);
  return { type: 'redirect', scheme: 'https', status: 301, ...(port === 443 ? {} : { port }) };
}

function forwardTo(backend: Backend | undefined, { settings }: Placed): HttpAction {
  const { requestTimeout } = settings;
  return {
    type: 'forward',
    backends: [{ backend: backend?.name, weight: 1 }],
    missingStatus: 503,
    ...(requestTimeout === undefined ? {} : { timeoutMs: requestTimeout }),
  };
}

/** Paths that claim nothing, and rules that are left without a backend. */
export function pathProblems(ingress: Ingress): Diagnostic[] {
  const problems: Diagnostic[] = [];
  for (const [r, rule] of ingress.spec.rules.entries()) {
    if (rule.paths.length === 0 && ingress.spec.defaultBackend === undefined)
      problems.push({
        severity: 'warning',
        reason: 'NoBackend',
        message: `the rule for ${rule.host ?? 'every host'} has no paths, and the Ingress has no defaultBackend`,
        hint: 'add http.paths to the rule, or spec.defaultBackend',
        field: `spec.rules[${r}]`,
      });
    for (const [p, path] of rule.paths.entries()) {
      const checked = pathRule(path);
      if ('match' in checked) continue;
      problems.push({
        severity: 'error',
        reason: 'InvalidRegex',
        message: `the path is not a regular expression that can be used: ${checked.wrong}`,
        hint: 'write RE2 syntax (no look-around, no back-references), or use pathType Prefix or Exact',
        field: `spec.rules[${r}].http.paths[${p}].path`,
      });
    }
  }
  return problems;
}
