import { type Diagnostic, formatRef, refKey, refOf } from '../../api/index.ts';
import { equal } from '../../lib/equal.ts';
import type { Collection, DerivedCollection, Fetch, Index, Store } from '../../store/index.ts';
import { loadBalancerAddresses } from '../backend/index.ts';
import type { Tables } from '../inputs.ts';
import type { MeshOptions } from '../model/index.ts';
import { fieldOf } from './annotations.ts';
import { ingressCertificates } from './certificates.ts';
import { type TlsClaim, tlsSubject } from './chains.ts';
import { type Claim, elsewhere, pathProblems } from './claims.ts';
import { anyHost } from './host-match.ts';
import { passthroughBackends } from './passthrough.ts';
import { defaultRule, redirectRule } from './path-match.ts';
import { type Placed, serviceKeyOf, sharedSlot } from './placement.ts';
import type { Slot } from './slots.ts';
import { tlsEntriesOf } from './tls-hosts.ts';

/** What diagnostics are made of. */
export interface Findings {
  readonly placed: DerivedCollection<Placed>;
  readonly slots: Collection<Slot>;
  readonly claims: Collection<Claim>;
  readonly winners: Collection<Claim>;
  readonly tlsClaims: Collection<TlsClaim>;
  readonly tlsHosts: Collection<TlsClaim>;
}

/** Nobody reads more of one object, and a hostile one must not cost more. */
const maxProblems = 100;

/** What is wrong with each Ingress of ours, by `refKey`; one with nothing wrong is not there. */
export function deriveDiagnostics(
  store: Store,
  tables: Tables,
  options: MeshOptions,
  findings: Findings,
): DerivedCollection<readonly Diagnostic[]> {
  const claimsByOwner = findings.claims.index('owner', (claim) => claim.ownerKey);
  const tlsByOwner = findings.tlsClaims.index('owner', (claim) => claim.ownerKey);
  return store.derive<Placed, readonly Diagnostic[]>(findings.placed, {
    name: 'ingress/diagnostics',
    map: (fetch, entry) => {
      const problems = [...entry.problems];
      if (entry.slot !== undefined) {
        if (entry.settings.tlsPassthrough) problems.push(...passthroughBackends(fetch, tables, entry).problems);
        else problems.push(...pathProblems(entry.ingress));
        problems.push(...claimProblems(fetch, findings, claimsByOwner, entry.key));
        // Most have no TLS, and each look-up is a dependency to keep.
        if (entry.settings.tlsPassthrough || entry.ingress.spec.tls.length > 0) {
          problems.push(...ingressCertificates(fetch, tables, entry, options).problems);
          problems.push(...tlsConflicts(fetch, findings, tlsByOwner, entry.key));
          problems.push(...missingCertificates(fetch, findings, entry, options));
        }
        if (entry.settings.ownKeepAlive) problems.push(...keepAliveConflict(fetch, findings, entry));
        if (options.gatewayAddresses === 'service') problems.push(...missingAddress(fetch, tables, entry, options));
      }
      if (problems.length === 0) return [];
      const object = refOf(entry.ingress);
      return [[refKey(object), unique(problems).map((problem) => ({ ...problem, object }))]];
    },
  });
}

/** Served as soon as there is an address; until then nobody knows why not. */
function missingAddress(fetch: Fetch, tables: Tables, entry: Placed, options: MeshOptions): Diagnostic[] {
  if (entry.port !== undefined) return [];
  if (entry.settings.serviceType === 'NodePort' && entry.slot !== sharedSlot)
    return [
      {
        severity: 'error',
        reason: 'UnsupportedValue',
        message: 'Services of type NodePort are not supported; this Ingress is not served',
        hint: 'use ingress.cilium.io/host-listener-port for a port of the nodes, or service-type LoadBalancer',
        field: fieldOf('ingress.cilium.io/service-type'),
      },
    ];
  const key = serviceKeyOf(entry.slot ?? '', options);
  if (loadBalancerAddresses(fetch, tables, key).length > 0) return [];
  return [
    {
      severity: 'warning',
      reason: 'AddressNotAssigned',
      message: `Service ${key} has no address of a load balancer yet; this Ingress is not served`,
      hint: 'there must be a CiliumLoadBalancerIPPool with free addresses, or another load balancer that gives IP addresses',
    },
  ];
}

/** A default backend's problem arises on each of its hosts. */
function unique(problems: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Map(problems.map((each) => [`${each.reason}|${each.field}|${each.message}`, each]));
  const all = [...seen.values()];
  if (all.length <= maxProblems) return all;
  const message = `${all.length - maxProblems} more problems in this object are not shown`;
  return [...all.slice(0, maxProblems), { severity: 'warning', reason: 'TooManyProblems', message }];
}

function claimProblems(fetch: Fetch, { winners }: Findings, byOwner: Index<Claim>, key: string): Diagnostic[] {
  const claims = fetch.by(byOwner, key).sort((a, b) => {
    return a.position[0] - b.position[0] || a.position[1] - b.position[1] || (a.host < b.host ? -1 : 1);
  });
  return claims.flatMap((claim) => {
    const winner = fetch.get(winners, claim.subject);
    const lost = winner !== undefined && winner.key !== claim.key && claim.rule !== redirectRule;
    return [...(claim.problem === undefined ? [] : [claim.problem]), ...(lost ? [pathConflict(claim, winner)] : [])];
  });
}

function pathConflict(claim: Claim, winner: Claim): Diagnostic {
  const host = claim.host === anyHost || claim.host === elsewhere ? 'every host' : claim.host;
  const place = (field: string) => field.replace(/\.backend$/, '');
  const owner =
    winner.ownerKey === claim.ownerKey
      ? `${place(winner.field)} of this Ingress`
      : `the older ${formatRef(winner.owner)}`;
  if (claim.rule === defaultRule)
    return {
      severity: 'warning',
      reason: 'DefaultBackendConflict',
      message: `the default backend of ${host} is that of ${owner}`,
      hint: 'keep one default backend for each host',
      field: claim.field,
    };
  const { type, value } = claim.rule.match;
  return {
    severity: 'warning',
    reason: 'PathConflict',
    message: `${type} path ${value} on ${host} is served by ${owner}`,
    hint: 'change the host or the path, or remove one of the two',
    field: place(claim.field),
  };
}

function tlsConflicts(fetch: Fetch, { tlsHosts }: Findings, byOwner: Index<TlsClaim>, key: string): Diagnostic[] {
  const claims = fetch.by(byOwner, key).sort((a, b) => (a.host < b.host ? -1 : 1));
  return claims.flatMap((claim): Diagnostic[] => {
    const winner = fetch.get(tlsHosts, tlsSubject(claim.slot, claim.host));
    if (winner === undefined || winner.ownerKey === key || isPartOf(claim, winner)) return [];
    const what =
      winner.handling.type === 'passthrough'
        ? 'are passed on by'
        : `get ${winner.handling.certificates.join(', ')} from`;
    return [
      {
        severity: 'warning',
        reason: 'CertificateConflict',
        message: `TLS connections for ${claim.host} ${what} the older ${formatRef(winner.owner)}`,
        hint: 'let one Ingress have the TLS of a host, or name the same Secrets in both',
        field: 'spec.tls',
      },
    ];
  });
}

function isPartOf(claim: TlsClaim, winner: TlsClaim): boolean {
  if (claim.handling.type === 'passthrough' || winner.handling.type === 'passthrough')
    return equal(claim.handling, winner.handling);
  const served = new Set(winner.handling.certificates);
  return claim.handling.certificates.every((name) => served.has(name));
}

/** Entries of `spec.tls` that name no Secret, for hosts that nothing else has a certificate for. */
function missingCertificates(fetch: Fetch, findings: Findings, entry: Placed, options: MeshOptions): Diagnostic[] {
  const slot = entry.slot ?? '';
  if (entry.settings.tlsPassthrough || options.defaultCertificate !== undefined) return [];
  return tlsEntriesOf(entry.ingress).flatMap(({ index, secretName, hosts }): Diagnostic[] => {
    if (secretName !== undefined) return [];
    const bare = hosts.filter((host) => fetch.get(findings.tlsHosts, tlsSubject(slot, host)) === undefined);
    if (bare.length === 0) return [];
    return [
      {
        severity: 'error',
        reason: 'NoCertificate',
        message: `spec.tls[${index}] names no Secret, and nothing else has a certificate for ${bare.slice(0, 5).join(', ')}`,
        hint: 'set secretName, or configure a default certificate',
        field: `spec.tls[${index}]`,
      },
    ];
  });
}

function keepAliveConflict(fetch: Fetch, { slots }: Findings, { slot, settings }: Placed): Diagnostic[] {
  const decided = fetch.get(slots, slot ?? '');
  if (decided === undefined || equal(settings.keepAlive, decided.keepAlive)) return [];
  return [
    {
      severity: 'warning',
      reason: 'KeepAliveConflict',
      message: 'the shared listeners have the TCP keep-alive of an older Ingress that sets it differently',
      hint: 'agree on one setting, or give this Ingress a host-listener-port of its own',
      field: 'metadata.annotations',
    },
  ];
}
