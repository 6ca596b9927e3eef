import type { Diagnostic } from '../../api/index.ts';
import type { Fetch } from '../../store/index.ts';
import { certificateOf } from '../backend/index.ts';
import type { Tables } from '../inputs.ts';
import type { MeshOptions, SecretMaterial } from '../model/index.ts';
import { anyHost, coversHost } from './host-match.ts';
import type { Placed } from './placement.ts';
import { tlsEntriesOf } from './tls-hosts.ts';

/** What an Ingress' `spec.tls` comes to. */
export interface IngressCertificates {
  /** Names of the certificates for each host, in the order of `spec.tls`; a host without one that is fit is not there. */
  readonly byHost: ReadonlyMap<string, readonly string[]>;
  readonly secrets: readonly SecretMaterial[];
  readonly problems: readonly Diagnostic[];
}

/** Several entries for one host are served together (RSA and ECDSA). A Secret that is not fit takes nothing else with it. */
export function ingressCertificates(
  fetch: Fetch,
  tables: Tables,
  { ingress, settings }: Placed,
  options: MeshOptions,
): IngressCertificates {
  const byHost = new Map<string, string[]>();
  const secrets = new Map<string, SecretMaterial>();
  const problems: Diagnostic[] = [];
  // What is passed on is not terminated: `spec.tls` says nothing then.
  const entries = settings.tlsPassthrough ? [] : tlsEntriesOf(ingress);
  for (const { index, hosts, secretName } of entries) {
    const field = `spec.tls[${index}].secretName`;
    const name = secretName === undefined ? options.defaultCertificate : `${ingress.metadata.namespace}/${secretName}`;
    // SNI alone: the certificate comes from another Ingress, or from the option.
    if (name === undefined) continue;
    const found = readCertificate(fetch, tables, name);
    if ('problem' in found) {
      problems.push({ ...found.problem, field });
      continue;
    }
    secrets.set(found.secret.name, found.secret);
    for (const host of hosts) {
      const names = byHost.get(host) ?? [];
      if (!names.includes(found.secret.name)) names.push(found.secret.name);
      byHost.set(host, names);
    }
    const mismatch = mismatchProblem(name, hosts, found.dnsNames);
    if (mismatch !== undefined && secretName !== undefined) problems.push({ ...mismatch, field });
  }
  return { byHost, secrets: [...secrets.values()], problems };
}

/** A certificate by its Secret's `namespace/name`. */
export function readCertificate(
  fetch: Fetch,
  tables: Tables,
  name: string,
): { readonly secret: SecretMaterial; readonly dnsNames: readonly string[] } | { readonly problem: Diagnostic } {
  const secret = fetch.get(tables.Secret, name);
  if (secret === undefined) {
    const message = `Secret ${name} does not exist`;
    const hint = `create it as a Secret of type kubernetes.io/tls: kubectl create secret tls ${name.slice(name.indexOf('/') + 1)} -n ${name.slice(0, name.indexOf('/'))} --cert FILE --key FILE`;
    return { problem: { severity: 'error', reason: 'SecretNotFound', message, hint } };
  }
  const found = certificateOf(secret);
  if (found.ok) return { secret: found.secret, dnsNames: found.dnsNames };
  return { problem: { severity: 'error', reason: 'InvalidCertificate', message: found.message, hint: found.hint } };
}

/** Clients refuse such a certificate, and say nothing that leads to the cause. */
function mismatchProblem(name: string, hosts: readonly string[], dnsNames: readonly string[]): Diagnostic | undefined {
  const names = new Set(dnsNames);
  const isFor = (host: string) =>
    names.has(host) || dnsNames.some((pattern) => pattern.startsWith('*.') && coversHost(pattern, host));
  const other = hosts.filter((host) => host !== anyHost && !isFor(host));
  if (other.length === 0) return undefined;
  return {
    severity: 'warning',
    reason: 'CertificateMismatch',
    message: `the certificate in Secret ${name} is not for ${summary(other)}`,
    hint:
      dnsNames.length === 0
        ? 'it has no DNS names (subjectAltName) at all: clients look at nothing else'
        : `its names are ${summary(dnsNames)}`,
  };
}

function summary(words: readonly string[]): string {
  const shown = words.slice(0, 5).join(', ');
  return words.length > 5 ? `${shown} and ${words.length - 5} more` : shown;
}
