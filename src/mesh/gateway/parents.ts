import {
  GATEWAY_GROUP,
  type ListenerSet,
  type NamespaceSelector,
  type ObjectRef,
  objectKey,
  refKey,
  refOf,
} from '../../api/index.ts';
import type { Collection, DerivedCollection, Store } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';
import { diagnosticOf, type Problem } from './conditions.ts';
import type { GatewayModel, ListenerModel } from './gateway-model.ts';
import { narrower } from './hostnames.ts';
import { listenerSetParent } from './merged-listeners.ts';
import { type Report, reportEntry } from './report.ts';
import type { ListenerMode, RouteKind } from './route-kinds.ts';

/** A listener as routes see it: so little that a certificate's renewal, say, touches no route. */
export interface AttachPoint {
  readonly id: string;
  readonly name: string;
  readonly port: number;
  readonly mode: ListenerMode;
  readonly hostname: string;
  readonly kinds: readonly RouteKind[];
  readonly namespaces: NamespaceSelector<'All' | 'Selector' | 'Same'>;
  /** Host names that listeners of the same port own within this one's: their hosts are not for our routes. */
  readonly taken: readonly string[];
  readonly table?: string;
  /** It takes traffic. */
  readonly programmed: boolean;
}

/** A Gateway or a ListenerSet that routes may refer to. */
export interface RouteParent {
  readonly ref: ObjectRef;
  readonly gateway: ObjectRef;
  readonly points: readonly AttachPoint[];
  /** A ListenerSet that its Gateway does not let attach. */
  readonly refused?: Problem;
  readonly isDefault: boolean;
  readonly clientCertificate: boolean;
}

/** By `Gateway/ns/name` and `ListenerSet/ns/name`; only those of ours. */
export function parentKey(kind: string, namespace: string, name: string): string {
  return `${kind}/${namespace}/${name}`;
}

export function deriveParents(store: Store, models: Collection<GatewayModel>): DerivedCollection<RouteParent> {
  return store.derive<GatewayModel, RouteParent>(models, {
    name: 'gateway.parents',
    map: (_fetch, model) => {
      const points = attachPoints(model.listeners);
      const { ref: gateway, clientCertificate } = model;
      const parents: RouteParent[] = [
        {
          ref: gateway,
          gateway,
          points: points.get(refKey(gateway)) ?? [],
          isDefault: model.isDefault,
          clientCertificate,
        },
        ...model.sets.map(({ ref, refused }) => ({
          ref,
          gateway,
          points: points.get(refKey(ref)) ?? [],
          isDefault: false,
          clientCertificate,
          ...(refused === undefined ? {} : { refused }),
        })),
      ];
      return parents.map((parent) => [parentKey(parent.ref.kind, parent.ref.namespace ?? '', parent.ref.name), parent]);
    },
  });
}

/** By the `refKey` of the Gateway or ListenerSet whose listeners they are. */
function attachPoints(listeners: readonly ListenerModel[]): Map<string, AttachPoint[]> {
  // A listener that is accepted keeps its hosts to itself even while it is broken: they must not fall to a wider one.
  const owners = Map.groupBy(
    listeners.filter(({ accepted }) => accepted === undefined),
    ({ listener }) => listener.port,
  );
  const points = new Map<string, AttachPoint[]>();
  for (const one of listeners) {
    const { mode, hostname, listener, owner } = one;
    if (mode === undefined) continue;
    const neighbours = owners.get(listener.port) ?? [];
    const point: AttachPoint = {
      id: one.id,
      name: listener.name,
      port: listener.port,
      mode,
      hostname,
      kinds: one.kinds,
      namespaces: listener.allowedRoutes.namespaces,
      taken: neighbours.filter((other) => narrower(other.hostname, hostname)).map((other) => other.hostname),
      programmed: one.programmed === undefined,
      ...(one.table === undefined ? {} : { table: one.table }),
    };
    const key = refKey(owner);
    const siblings = points.get(key);
    if (siblings === undefined) points.set(key, [point]);
    else siblings.push(point);
  }
  return points;
}

/** ListenerSets that belong to no Gateway at all: the Gateway's own report speaks of all others. */
export function deriveOrphanReports(store: Store, tables: Tables): DerivedCollection<Report> {
  return store.derive<ListenerSet, Report>(tables.ListenerSet, {
    name: 'gateway.orphan-listener-sets',
    map: (fetch, set) => {
      const parent = listenerSetParent(set);
      if (parent === undefined || fetch.get(tables.Gateway, parent) !== undefined) return [];
      const ref = refOf(set);
      const problem: Problem = {
        reason: 'ParentNotFound',
        message: `Gateway ${parent} does not exist, so the listeners of ${objectKey(set)} are nowhere`,
        hint: 'create the Gateway, or correct spec.parentRef',
        field: 'spec.parentRef',
      };
      return reportEntry({ ref, diagnostics: [diagnosticOf(ref, problem, 'warning')] });
    },
  });
}

export function isParentKind(group: string, kind: string): boolean {
  return group === GATEWAY_GROUP && (kind === 'Gateway' || kind === 'ListenerSet');
}
