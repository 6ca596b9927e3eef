/**
 * Kubernetes Ingress as mesh model: objects in; listeners, routes, backends, secrets, statuses and diagnostics out. Called
 * by whoever puts the translators together; pure, and knows no Envoy.
 *
 * Each Ingress gets a *slot*: the shared ports, or a port of its own. It *claims* paths on hosts there, and hosts' TLS; for
 * each of these the oldest claim is served, the others hear of it. All of it is derived step by step, so that a changed
 * object costs its own claims and their routes, and listeners change with TLS hosts only.
 */
import { refKey, refOf } from '../../api/index.ts';
import type { Store } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';
import type { Backend, MeshOptions, MeshOutputs, SecretUse } from '../model/index.ts';
import { ingressCertificates } from './certificates.ts';
import { deriveChains, deriveTlsClaims, deriveTlsHosts } from './chains.ts';
import { deriveClaims } from './claims.ts';
import { deriveDefaultCertificateProblems } from './default-certificate.ts';
import { deriveDiagnostics } from './diagnostics.ts';
import { deriveListeners, deriveSlotTls, type SlotTls } from './listeners.ts';
import { passthroughBackends } from './passthrough.ts';
import { derivePlaced, type Placed } from './placement.ts';
import { deriveRoutes, deriveWinners } from './routes.ts';
import { deriveServices } from './services.ts';
import { deriveSlots, type Slot } from './slots.ts';
import { deriveStatuses } from './status.ts';

export { ingressController } from './ingress-class.ts';
export { loadBalancerServiceOf } from './load-balancer-service.ts';

export function translateIngress(store: Store, tables: Tables, options: MeshOptions): MeshOutputs {
  const placed = derivePlaced(store, tables, options);
  const slots = deriveSlots(store, placed);

  const tlsClaims = deriveTlsClaims(store, tables, placed, options);
  const tlsHosts = deriveTlsHosts(store, tlsClaims);
  const chains = deriveChains(store, tlsHosts);
  const slotTls = deriveSlotTls(store, tables, slots, chains, options);
  // Apart from the chains themselves: only the first and the last chain of a slot make or break its HTTPS table.
  const terminating = store.derive<SlotTls, boolean>(slotTls, {
    name: 'ingress/terminating',
    map: (_fetch, { terminates }, slot) => [[slot, terminates]],
  });

  const claims = deriveClaims(store, tables, placed, options);
  const winners = deriveWinners(store, claims);

  const claimedBackends = store.group(
    claims.index('backend', ({ ownerKey, backend }) =>
      backend === undefined ? undefined : `${ownerKey}|${backend.name}`,
    ),
    {
      name: 'ingress/claimed-backends',
      map: (_fetch, members, key): [string, Backend][] => {
        const { backend } = members[0]!;
        return backend === undefined ? [] : [[`ingress|${key}`, backend]];
      },
    },
  );
  const streamBackends = store.derive<Placed, Backend>(placed, {
    name: 'ingress/stream-backends',
    map: (fetch, entry) => {
      if (entry.slot === undefined || !entry.settings.tlsPassthrough) return [];
      const used = passthroughBackends(fetch, tables, entry).hosts.flatMap(({ backend }) => backend ?? []);
      return new Map(used.map((backend) => [`ingress|${entry.key}|${backend.name}|tcp`, backend]));
    },
  });
  const ownSecrets = store.derive<Placed, SecretUse>(placed, {
    name: 'ingress/own-secrets',
    map: (fetch, entry) => {
      if (entry.slot === undefined) return [];
      const user = refOf(entry.ingress);
      return ingressCertificates(fetch, tables, entry, options).secrets.map((secret) => [
        `ingress|${refKey(user)}|${secret.name}`,
        { secret, user },
      ]);
    },
  });
  const defaultSecrets = store.derive<Slot, SecretUse>(slots, {
    name: 'ingress/default-secrets',
    map: (fetch, { name, oldest }) => {
      const secret = fetch.get(slotTls, name)?.defaultCertificate;
      return secret === undefined ? [] : [[`ingress|slot ${name}|${secret.name}`, { secret, user: oldest }]];
    },
  });
  const ofIngresses = deriveDiagnostics(store, tables, options, {
    placed,
    slots,
    claims,
    winners,
    tlsClaims,
    tlsHosts,
  });
  const ofDefault = deriveDefaultCertificateProblems(store, tables, options);

  return {
    listeners: deriveListeners(store, tables, slots, slotTls, options),
    routes: deriveRoutes(store, claims, winners, terminating),
    backends: store.derive<Backend, Backend>([claimedBackends, streamBackends], {
      name: 'ingress/backends',
      map: (_fetch, backend, key) => [[key, backend]],
    }),
    secrets: store.derive<SecretUse, SecretUse>([ownSecrets, defaultSecrets], {
      name: 'ingress/secrets',
      map: (_fetch, use, key) => [[key, use]],
    }),
    diagnostics: store.derive([ofIngresses, ofDefault], {
      name: 'ingress/all-diagnostics',
      map: (_fetch, list, key) => [[key, list]],
    }),
    statuses: deriveStatuses(store, tables, placed, options),
    services: deriveServices(store, placed, slots, options),
  };
}
