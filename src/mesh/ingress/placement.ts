import { compareAge, type Diagnostic, formatRef, type Ingress, objectKey, refOf } from '../../api/index.ts';
import type { DerivedCollection, Store } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';
import type { MeshOptions } from '../model/index.ts';
import { fieldOf, readAnnotations, type Settings } from './annotations.ts';
import { deriveDefaultClass, isOurIngress } from './ingress-class.ts';
import { ingressServiceName } from './load-balancer-service.ts';

/** The slot of all Ingresses without a port or an address of their own; every other slot is named by its one Ingress. */
export const sharedSlot = 'shared';

/** An Ingress of ours, with the slot (a set of listeners and route tables) that serves it. */
export interface Placed {
  readonly key: string;
  readonly ingress: Ingress;
  readonly settings: Settings;
  /** `shared`, or the Ingress' key where it has a port or an address to itself; undefined: it is not served. */
  readonly slot: string | undefined;
  /** The one port for everything, where it has one to itself. */
  readonly port: number | undefined;
  /** Of annotations and placement. */
  readonly problems: readonly Diagnostic[];
}

/** `ingress/http`, `ingress/https`; for an Ingress with its own port `ingress/default/shop/http` and so on. */
export function tableOf(slot: string, scheme: 'http' | 'https'): string {
  return slot === sharedSlot ? `ingress/${scheme}` : `ingress/${slot}/${scheme}`;
}

/** The port that clients use for HTTPS in a slot. */
export function httpsPortOf(placed: Placed, options: MeshOptions): number {
  return placed.port ?? options.httpsPort;
}

interface Owned {
  readonly ingress: Ingress;
  readonly settings: Settings;
  readonly problems: readonly Diagnostic[];
  /** A port that it wants to itself. */
  readonly port: number | undefined;
}

/** Every Ingress of ours, keyed as in its table; what is not ours leaves no trace. */
export function derivePlaced(store: Store, tables: Tables, options: MeshOptions): DerivedCollection<Placed> {
  const defaultClass = deriveDefaultClass(store, tables, options);
  const owned = store.derive<Ingress, Owned>(tables.Ingress, {
    name: 'ingress/owned',
    map: (fetch, ingress, key) => {
      if (!isOurIngress(fetch, tables, defaultClass, ingress)) return [];
      const { settings, problems } = readAnnotations(ingress);
      const wish = portWish(ingress, settings, options);
      return [[key, { ingress, settings, problems: [...problems, ...wish.problems], port: wish.port }]];
    },
  });
  const portOwners = store.group<Owned, Ingress>(
    owned.index('port', (entry) => (entry.port === undefined ? undefined : String(entry.port))),
    {
      name: 'ingress/port-owners',
      map: (_fetch, members, port) => {
        const ingresses = members.map((entry) => entry.ingress);
        return [[port, ingresses.reduce((a, b) => (compareAge(b, a) < 0 ? b : a))]];
      },
    },
  );

  return store.derive<Owned, Placed>(owned, {
    name: 'ingress/placed',
    map: (fetch, { ingress, settings, problems, port }, key) => {
      if (port === undefined)
        return [
          [key, { key, ingress, settings, slot: isDedicated(settings, options) ? key : sharedSlot, port, problems }],
        ];
      const owner = fetch.get(portOwners, String(port));
      if (owner === undefined || objectKey(owner) === key)
        return [[key, { key, ingress, settings, slot: key, port, problems }]];
      const conflict: Diagnostic = {
        severity: 'error',
        reason: 'PortConflict',
        message: `port ${port} belongs to the older ${formatRef(refOf(owner))}; this Ingress is not served`,
        hint: 'give each Ingress a host-listener-port of its own, or none to share the common ports',
        object: refOf(ingress),
        field: portField,
      };
      return [[key, { key, ingress, settings, slot: undefined, port, problems: [...problems, conflict] }]];
    },
  });
}

/** It has an address to itself. */
function isDedicated({ loadBalancerMode }: Settings, options: MeshOptions): boolean {
  return options.gatewayAddresses === 'service' && (loadBalancerMode ?? options.ingressLoadBalancers) === 'dedicated';
}

/** `namespace/name` of the Service that brings a slot its addresses, where Services do. */
export function serviceKeyOf(slot: string, { sharedIngressService }: MeshOptions): string {
  if (slot === sharedSlot) return sharedIngressService;
  const [namespace = '', name = ''] = slot.split('/');
  return `${namespace}/${ingressServiceName({ namespace, name })}`;
}

const portField = fieldOf('ingress.cilium.io/host-listener-port');

function portWish(
  ingress: Ingress,
  settings: Settings,
  options: MeshOptions,
): { port: number | undefined; problems: readonly Diagnostic[] } {
  const port = settings.hostListenerPort;
  if (port === undefined) return { port, problems: [] };
  const shared = settings.loadBalancerMode === 'shared';
  // Where Services bring addresses, the shared ports are on these only.
  const taken = options.gatewayAddresses !== 'service' && (port === options.httpPort || port === options.httpsPort);
  if (!shared && !taken) return { port, problems: [] };
  const problem: Diagnostic = {
    severity: 'warning',
    reason: shared ? 'IgnoredAnnotation' : 'PortConflict',
    message: shared
      ? `host-listener-port ${port} has no effect with loadbalancer-mode shared`
      : `port ${port} is one of the shared ports, so this Ingress is served there together with others`,
    hint: shared
      ? 'set loadbalancer-mode to dedicated, or remove host-listener-port'
      : `choose a port other than ${options.httpPort} and ${options.httpsPort}`,
    object: refOf(ingress),
    field: portField,
  };
  return { port: undefined, problems: [problem] };
}
