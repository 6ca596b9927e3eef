import type { Collection, DerivedCollection, Fetch, Index, Store } from '../../store/index.ts';
import { loadBalancerAddresses } from '../backend/index.ts';
import type { Tables } from '../inputs.ts';
import type { Bind, FilterChain, Listener, MeshOptions, SecretMaterial } from '../model/index.ts';
import { readCertificate } from './certificates.ts';
import { anyChainName, chainOf, type SlotChain, uniqueRefs } from './chains.ts';
import { serviceKeyOf, tableOf } from './placement.ts';
import type { Slot } from './slots.ts';

/** The TLS side of a slot. */
export interface SlotTls {
  /** By name. */
  readonly chains: readonly SlotChain[];
  /** Something is terminated, so that there is an HTTPS table. */
  readonly terminates: boolean;
  /** Served where no certificate fits. */
  readonly defaultCertificate?: SecretMaterial;
}

/** Keyed by slot. Certificates are named, not held, by chains: a rotated one changes nothing here but the default's. */
export function deriveSlotTls(
  store: Store,
  tables: Tables,
  slots: DerivedCollection<Slot>,
  chains: DerivedCollection<SlotChain>,
  options: MeshOptions,
): DerivedCollection<SlotTls> {
  const bySlot = chains.index('slot', (entry) => entry.slot);
  return store.derive<Slot, SlotTls>(slots, {
    name: 'ingress/slot-tls',
    map: (fetch, slot, name) => {
      const own = chainsOf(fetch, bySlot, name);
      const terminates = own.some(({ chain }) => chain.tls !== undefined);
      // An Ingress with a port of its own speaks TLS there only if it says so.
      const found =
        options.defaultCertificate !== undefined && (slot.port === undefined || terminates)
          ? readCertificate(fetch, tables, options.defaultCertificate)
          : undefined;
      if (found === undefined || 'problem' in found) return [[name, { chains: own, terminates }]];
      const hasAny = own.some(({ chain }) => chain.name === anyChainName);
      const handling = { type: 'terminate', certificates: [found.secret.name] } as const;
      const fallback: SlotChain = {
        slot: name,
        chain: chainOf(anyChainName, [], handling, tableOf(name, 'https')),
        origins: [slot.oldest],
      };
      const all = hasAny ? own : [...own, fallback].sort(byName);
      return [[name, { chains: all, terminates: true, defaultCertificate: found.secret }]];
    },
  });
}

function chainsOf(fetch: Fetch, bySlot: Index<SlotChain>, slot: string): SlotChain[] {
  return fetch.by(bySlot, slot).sort(byName);
}

function byName(a: SlotChain, b: SlotChain): number {
  return a.chain.name < b.chain.name ? -1 : a.chain.name > b.chain.name ? 1 : 0;
}

/**
 * `ingress/http` and, where there is any chain, `ingress/https`; `ingress/NAMESPACE/NAME` for an Ingress with a port of its
 * own, which speaks both HTTP and TLS there. Where Services bring addresses, two for each of these: `ingress/http/ADDRESS`,
 * `ingress/NAMESPACE/NAME/http/ADDRESS`. Routes are in tables, so an Ingress without TLS changes no listener.
 */
export function deriveListeners(
  store: Store,
  tables: Tables,
  slots: DerivedCollection<Slot>,
  tls: Collection<SlotTls>,
  options: MeshOptions,
): DerivedCollection<Listener> {
  return store.derive<Slot, Listener>(slots, {
    name: 'ingress/listeners',
    map: (fetch, slot) => {
      const chains = fetch.get(tls, slot.name)?.chains ?? [];
      const plain: FilterChain = {
        name: 'http',
        serverNames: [],
        handler: { type: 'http', table: tableOf(slot.name, 'http') },
      };
      const secure = chains.map(({ chain }) => chain);
      const owners = chains.flatMap(({ origins }) => origins);
      const keepAlive = slot.keepAlive === undefined ? {} : { keepAlive: slot.keepAlive };
      const listener = (name: string, bind: Bind, list: readonly FilterChain[], origins: Listener['origins']) =>
        [name, { name, bind, chains: list, ...keepAlive, origins }] as const;

      if (slot.port !== undefined) {
        const origins = uniqueRefs([slot.oldest, ...owners]);
        return [listener(`ingress/${slot.name}`, bindTo(options, slot.port), [plain, ...secure], origins)];
      }
      return bindsOf(fetch, tables, slot, options).flatMap(({ suffix, bind }) => {
        const http = listener(
          `${tableOf(slot.name, 'http')}${suffix}`,
          { ...bind, port: options.httpPort },
          [plain],
          [slot.oldest],
        );
        if (secure.length === 0) return [http];
        const name = `${tableOf(slot.name, 'https')}${suffix}`;
        return [http, listener(name, { ...bind, port: options.httpsPort }, secure, uniqueRefs(owners))];
      });
    },
  });
}

function bindTo(options: MeshOptions, port: number): Bind {
  return { address: options.address, port, transport: 'tcp' };
}

/** Where a slot without a port of its own listens. A listener that moves to another address is another one: nothing is cut. */
function bindsOf(fetch: Fetch, tables: Tables, slot: Slot, options: MeshOptions) {
  if (options.gatewayAddresses !== 'service') return [{ suffix: '', bind: bindTo(options, 0) }];
  return loadBalancerAddresses(fetch, tables, serviceKeyOf(slot.name, options)).map((address) => ({
    suffix: `/${address}`,
    bind: { address, port: 0, transport: 'tcp', freebind: true } as const,
  }));
}
