import type { Ingress, IngressTls } from '../../api/index.ts';
import { anyHost, coversHost } from './host-match.ts';

export interface TlsEntry {
  readonly index: number;
  readonly secretName: string | undefined;
  readonly hosts: readonly string[];
}

/** `spec.tls` with its hosts; an entry that names none is for those of the rules that no other entry names. */
export function tlsEntriesOf(ingress: Ingress): TlsEntry[] {
  const { tls, rules } = ingress.spec;
  if (tls.length === 0) return [];
  const named = new Set(tls.flatMap((entry) => entry.hosts));
  const ruled = new Set(rules.length === 0 ? [anyHost] : rules.map((rule) => rule.host ?? anyHost));
  const rest = [...ruled].filter((host) => !named.has(host));
  const hostsOf = (entry: IngressTls) => (entry.hosts.length > 0 ? [...new Set(entry.hosts)] : rest);
  return tls.map((entry, index) => ({ index, secretName: entry.secretName, hosts: hostsOf(entry) }));
}

export interface TlsHosts {
  readonly hosts: ReadonlySet<string>;
  /** Whether a rule's host has TLS in its Ingress. */
  has(host: string): boolean;
}

export function tlsHostsOf(ingress: Ingress): TlsHosts {
  const hosts = new Set(tlsEntriesOf(ingress).flatMap((entry) => entry.hosts));
  const covering = (host: string) => `*${host.slice(host.indexOf('.'))}`;
  return {
    hosts,
    has: (host) => hosts.has(host) || (hosts.has(covering(host)) && coversHost(covering(host), host)),
  };
}
