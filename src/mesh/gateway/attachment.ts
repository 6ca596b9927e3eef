import type { KubeObject, ParentReference } from '../../api/index.ts';
import type { Collection, Fetch, Index } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';
import type { Problem } from './conditions.ts';
import { covers, hostRank, intersect } from './hostnames.ts';
import { namespaceAllowed } from './namespaces.ts';
import { type AttachPoint, isParentKind, parentKey, type RouteParent } from './parents.ts';
import type { RouteKind } from './route-kinds.ts';

/** A host that a route serves on a listener. */
export interface ServedHost {
  readonly host: string;
  /** Of the host as the route has it: lower goes first where several come to the same one. */
  readonly rank: number;
}

/** That a route is attached to a listener. */
export interface Attached {
  readonly point: AttachPoint;
  /** None: every one of its hosts belongs to a narrower listener. */
  readonly hosts: readonly ServedHost[];
}

/** What became of one parentRef to an object of ours. */
export interface ParentAttachment {
  /** As the route has it, or made up for a default Gateway. */
  readonly parentRef: ParentReference;
  readonly parent: RouteParent;
  /** Condition Accepted is False. */
  readonly problem?: Problem;
  readonly attached: readonly Attached[];
}

export interface Attachment {
  readonly parents: readonly ParentAttachment[];
  /** References to Gateways and ListenerSets that do not exist. */
  readonly missing: readonly Problem[];
}

export interface AttachTo {
  readonly tables: Tables;
  readonly parents: Collection<RouteParent>;
  /** Default Gateways, all under one key. */
  readonly defaults: Index<RouteParent>;
}

interface Route extends KubeObject {
  readonly kind: RouteKind;
  readonly spec: {
    readonly parentRefs: readonly ParentReference[];
    readonly useDefaultGateways: 'All' | 'None';
    readonly hostnames?: readonly string[];
  };
}

export function attach(fetch: Fetch, to: AttachTo, route: Route): Attachment {
  const own = route.metadata.namespace ?? '';
  const parents: ParentAttachment[] = [];
  const missing: Problem[] = [];
  for (const [i, parentRef] of route.spec.parentRefs.entries()) {
    const { group, kind, namespace = own, name } = parentRef;
    // Services are parents of mesh routes, which are not served by Gateways.
    if (!isParentKind(group, kind)) continue;
    const field = `spec.parentRefs[${i}]`;
    const parent = fetch.get(to.parents, parentKey(kind, namespace, name));
    if (parent !== undefined) parents.push(attachToParent(fetch, to, route, parentRef, parent, field));
    else if (!parentExists(fetch, to.tables, kind, `${namespace}/${name}`))
      missing.push(notFound(parentRef, namespace, field));
  }
  if (route.spec.useDefaultGateways === 'All') {
    const named = new Set(parents.map(({ parent }) => parent));
    const defaults = fetch.by(to.defaults, 'All').filter((parent) => !named.has(parent));
    defaults.sort((a, b) => (parentOrder(a) < parentOrder(b) ? -1 : 1));
    for (const parent of defaults)
      parents.push(attachToParent(fetch, to, route, parent.ref, parent, 'spec.useDefaultGateways'));
  }
  return { parents, missing };
}

function parentOrder({ ref }: RouteParent): string {
  return `${ref.namespace}/${ref.name}`;
}

function parentExists(fetch: Fetch, tables: Tables, kind: string, key: string): boolean {
  const found = kind === 'Gateway' ? fetch.get(tables.Gateway, key) : fetch.get(tables.ListenerSet, key);
  return found !== undefined;
}

function notFound({ kind, name }: ParentReference, namespace: string, field: string): Problem {
  return {
    reason: 'ParentNotFound',
    message: `${kind} ${namespace}/${name} does not exist`,
    hint: 'create it, or correct the parentRef',
    field,
  };
}

/** In the order of the spec's reasons: which listeners are meant, which of them let the route in, which share a host with it. */
function attachToParent(
  fetch: Fetch,
  { tables }: AttachTo,
  route: Route,
  parentRef: ParentReference,
  parent: RouteParent,
  field: string,
): ParentAttachment {
  const refuse = (reason: string, message: string, hint: string): ParentAttachment => ({
    parentRef,
    parent,
    problem: { reason, message, hint, field },
    attached: [],
  });
  const what = `${parent.ref.kind} ${parent.ref.namespace}/${parent.ref.name}`;
  if (parent.refused !== undefined)
    return refuse('NoMatchingParent', `${what} is not attached: ${parent.refused.message}`, parent.refused.hint);
  const { sectionName, port } = parentRef;
  const meant = parent.points.filter(
    (point) => (sectionName === undefined || point.name === sectionName) && (port === undefined || point.port === port),
  );
  if (meant.length === 0) {
    const wanted = `${sectionName === undefined ? '' : ` named ${sectionName}`}${port === undefined ? '' : ` on port ${port}`}`;
    return refuse('NoMatchingParent', `${what} has no listener${wanted}`, listenersOf(parent));
  }
  const ofKind = meant.filter(({ kinds }) => kinds.includes(route.kind));
  if (ofKind.length === 0)
    return refuse(
      'NotAllowedByListeners',
      `no listener of ${what} takes routes of kind ${route.kind}`,
      'refer to a listener with another protocol, or add the kind to its allowedRoutes.kinds',
    );
  const own = parent.ref.namespace ?? '';
  const from = route.metadata.namespace ?? '';
  const open = ofKind.filter(({ namespaces }) => namespaceAllowed(fetch, tables, namespaces, own, from));
  if (open.length === 0)
    return refuse(
      'NotAllowedByListeners',
      `no listener of ${what} takes routes from namespace ${from}`,
      'set allowedRoutes.namespaces of the listener so that it selects the namespace (from: All takes every one)',
    );
  const attached = open.flatMap((point) => {
    const hosts = servedHosts(point, route.spec.hostnames ?? []);
    return hosts === undefined ? [] : [{ point, hosts }];
  });
  if (attached.length === 0)
    return refuse(
      'NoMatchingListenerHostname',
      `no listener of ${what} has a hostname in common with ${(route.spec.hostnames ?? []).join(', ')}`,
      `the listeners' hostnames are ${open.map(({ hostname }) => hostname).join(', ')}`,
    );
  return { parentRef, parent, attached };
}

function listenersOf({ points }: RouteParent): string {
  return points.length === 0
    ? 'it has no listener at all'
    : `its listeners are ${points.map(({ name, port }) => `${name} (port ${port})`).join(', ')}`;
}

const everyHost: readonly string[] = ['*'];

/** Undefined: listener and route have no host in common. */
function servedHosts(point: AttachPoint, hostnames: readonly string[]): readonly ServedHost[] | undefined {
  const served: ServedHost[] = [];
  let common = false;
  for (const wanted of hostnames.length === 0 ? everyHost : hostnames) {
    const host = intersect(point.hostname, wanted);
    if (host === undefined) continue;
    common = true;
    if (point.taken.some((other) => covers(other, host))) continue;
    const rank = hostRank(wanted);
    const before = served.findIndex((known) => known.host === host);
    if (before < 0) served.push({ host, rank });
    else if (rank < served[before]!.rank) served[before] = { host, rank };
  }
  return common ? served.slice() : undefined;
}
