import { hash } from 'node:crypto';
import { type ObjectRef, refKey } from '../../api/index.ts';
import type { Resource } from '../envoy/resource.ts';
import { decodeResource } from './encode.ts';

/**
 * The part of all resources that one object amounts to: an Ingress's or a route's virtual hosts out of shared tables, with
 * the listeners that serve them; a Gateway's or a CiliumEnvoyConfig's listeners with their whole tables; and in each case
 * the clusters, endpoints and secrets behind. Tables have to be whole ones: encode with a `bucketThreshold` of Infinity.
 * Decodes everything that it looks at: for showing, not for serving.
 */
export function ownedResources(resources: Iterable<Resource>, owner: ObjectRef): Resource[] {
  const byType = Map.groupBy(resources, (resource) => resource.type);
  const of = (type: Resource['type']) => byType.get(type) ?? [];
  const key = refKey(owner);
  const isOwn = ({ origins }: Pick<Resource, 'origins'>) => origins.some((ref) => refKey(ref) === key);
  // These own listeners; of the listeners that serve an Ingress, most serve others as well.
  const ownsListeners = /^(Gateway|ListenerSet|Cilium.*EnvoyConfig)$/.test(owner.kind);

  const listeners = of('listeners').map((listener) => ({ listener, names: namesIn(listener), own: isOwn(listener) }));
  const routes = of('routes').flatMap((table) => {
    if (ownsListeners && listeners.some(({ names, own }) => own && names.has(table.name))) return [table];
    const part = ownPart(table, isOwn);
    return part === undefined ? [] : [part];
  });
  const serving = listeners.filter(
    ({ names, own }) => (own && ownsListeners) || routes.some((table) => names.has(table.name)),
  );
  const named = new Set([
    ...serving.flatMap(({ names }) => [...names]),
    ...routes.flatMap((table) => [...namesIn(table)]),
  ]);
  const all = /EnvoyConfig$/.test(owner.kind);
  const isNamed = (resource: Resource) => named.has(resource.name) || (all && isOwn(resource));
  return [
    ...serving.map(({ listener }) => listener),
    ...routes,
    ...of('clusters').filter(isNamed),
    ...of('endpoints').filter(isNamed),
    ...of('secrets').filter(isNamed),
    ...of('extensions').filter(isNamed),
  ];
}

/** A table with none but the object's own virtual hosts; undefined where it has none there. */
function ownPart(table: Resource, isOwn: (part: Pick<Resource, 'origins'>) => boolean): Resource | undefined {
  if (table.fragments === undefined) return isOwn(table) ? table : undefined;
  const fragments = table.fragments.filter(isOwn);
  if (fragments.length === 0) return undefined;
  const body = Buffer.concat([table.head ?? new Uint8Array(), ...fragments.map(({ bytes }) => bytes)]);
  return { ...table, body, fragments, version: hash('sha256', body, 'base64url').slice(0, 16) };
}

/** Every text in a resource: names of others are among them. */
function namesIn(resource: Resource): ReadonlySet<string> {
  const names = new Set<string>();
  const pending: unknown[] = [decodeResource(resource)];
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value === 'string') names.add(value);
    else if (typeof value === 'object' && value !== null) pending.push(...Object.values(value));
  }
  return names;
}
