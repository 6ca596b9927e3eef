import { type ObjectRef, refKey, refOf } from '../../api/index.ts';
import type { DerivedCollection, Store } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';
import type { FilterChain, MeshOptions } from '../model/index.ts';
import { ingressCertificates } from './certificates.ts';
import { anyHost } from './host-match.ts';
import { passthroughBackends } from './passthrough.ts';
import { type Placed, tableOf } from './placement.ts';

/** What is to become of TLS connections for a host: terminated with these certificates, or passed on to a backend. */
export type TlsHandling =
  | { readonly type: 'terminate'; readonly certificates: readonly string[] }
  | { readonly type: 'passthrough'; readonly backend: string | undefined };

/** That an Ingress wants the TLS connections for a host. Of several, the oldest has them. */
export interface TlsClaim {
  readonly slot: string;
  readonly host: string;
  readonly owner: ObjectRef;
  readonly ownerKey: string;
  readonly created: number;
  readonly handling: TlsHandling;
}

export function tlsSubject(slot: string, host: string): string {
  return `${slot}|${host}`;
}

export interface SlotChain {
  readonly slot: string;
  readonly chain: FilterChain;
  /** In no order. */
  readonly origins: readonly ObjectRef[];
}

/** Claims of one Ingress to its hosts' TLS. Certificates that are not fit claim nothing: a younger Ingress' may serve then. */
export function deriveTlsClaims(
  store: Store,
  tables: Tables,
  placed: DerivedCollection<Placed>,
  options: MeshOptions,
): DerivedCollection<TlsClaim> {
  return store.derive<Placed, TlsClaim>(placed, {
    name: 'ingress/tls-claims',
    map: (fetch, entry) => {
      const { slot, ingress, key } = entry;
      if (slot === undefined) return [];
      const created = ingress.metadata.creationTimestamp;
      const claim = (host: string, handling: TlsHandling): [string, TlsClaim] => [
        `${key}|${host}`,
        { slot, host, owner: refOf(ingress), ownerKey: key, created, handling },
      ];
      if (entry.settings.tlsPassthrough)
        return passthroughBackends(fetch, tables, entry).hosts.map(({ host, backend }) =>
          claim(host, { type: 'passthrough', backend: backend?.name }),
        );
      const { byHost } = ingressCertificates(fetch, tables, entry, options);
      return [...byHost].map(([host, certificates]) => claim(host, { type: 'terminate', certificates }));
    },
  });
}

/** The claim in force for each host, keyed by `tlsSubject`. */
export function deriveTlsHosts(store: Store, claims: DerivedCollection<TlsClaim>): DerivedCollection<TlsClaim> {
  return store.group<TlsClaim, TlsClaim>(
    claims.index('subject', (claim) => tlsSubject(claim.slot, claim.host)),
    {
      name: 'ingress/tls-hosts',
      map: (_fetch, members, subject) => [[subject, members.reduce((a, b) => (isOlder(b, a) ? b : a))]],
    },
  );
}

function isOlder(a: TlsClaim, b: TlsClaim): boolean {
  return a.created === b.created ? a.ownerKey < b.ownerKey : a.created < b.created;
}

/**
 * Filter chains of all slots. Hosts with the same certificates share one: a chain costs Envoy a TLS context and a
 * connection manager, and a wildcard certificate may serve thousands of hosts.
 */
export function deriveChains(store: Store, hosts: DerivedCollection<TlsClaim>): DerivedCollection<SlotChain> {
  return store.group<TlsClaim, SlotChain>(
    hosts.index('chain', (claim) => `${claim.slot}|${chainName(claim)}`),
    {
      name: 'ingress/chains',
      map: (_fetch, members, key) => {
        const [first] = members as [TlsClaim];
        const serverNames = first.host === anyHost ? [] : members.map((claim) => claim.host).sort();
        const chain = chainOf(chainName(first), serverNames, first.handling, tableOf(first.slot, 'https'));
        const owners = new Map(members.map((claim) => [claim.ownerKey, claim.owner]));
        return [[key, { slot: first.slot, chain, origins: [...owners.values()] }]];
      },
    },
  );
}

function chainName({ host, handling }: TlsClaim): string {
  if (host === anyHost) return anyChainName;
  return handling.type === 'passthrough' ? `passthrough ${host}` : `tls ${handling.certificates.join('+')}`;
}

/** The chain without SNI: of an Ingress with TLS for every host, else the default certificate's. */
export const anyChainName = 'tls *';

export function chainOf(
  name: string,
  serverNames: readonly string[],
  handling: TlsHandling,
  table: string,
): FilterChain {
  if (handling.type === 'passthrough')
    return { name, serverNames, handler: { type: 'stream', backends: [{ backend: handling.backend, weight: 1 }] } };
  return { name, serverNames, tls: { certificates: handling.certificates }, handler: { type: 'http', table } };
}

export function uniqueRefs(refs: readonly ObjectRef[]): ObjectRef[] {
  const byKey = new Map(refs.map((ref) => [refKey(ref), ref]));
  return [...byKey.keys()].sort().map((key) => byKey.get(key)!);
}
