/** For tests only: the way that Envoy goes from a listener to a host's routes, on what a client holds right now. */
import type { JsonObject } from '../../api/index.ts';
import { hostBucket } from '../../mesh/envoy/host-bucket.ts';
import { decodeResource } from '../../mesh/envoyconfig/index.ts';
import type { XdsClient } from '../../xds/testing/client.ts';
import type { ClientResource } from '../../xds/testing/client-wire.ts';

/** The table that has the host, or what is missing on the way to it. */
export type Found = { readonly table: string } | { readonly missing: string };

/** Where a request for `host` ends. */
export function findHost(client: XdsClient, listener: ClientResource, host: string): Found {
  const lookup = lookupOf(listener);
  const found = find(client, 'table' in lookup ? lookup : { key: lookup.prefix + hostBucket(host, lookup.buckets) });
  if ('missing' in found) return found;
  const routes = JSON.stringify(decoded(found.routes));
  const { name } = found.routes;
  return routes.includes(`"domains":["${host}"]`) ? { table: name } : { missing: `host ${host} in ${name}` };
}

/**
 * The listener that serves. Envoy lets a new form of it take over once all that it looks routes up in has arrived, and
 * `serving`, the form before, serves until then.
 */
export function servingListener(
  client: XdsClient,
  name: string,
  serving: ClientResource | undefined,
): ClientResource | undefined {
  const latest = client.get('listeners', name);
  if (latest === undefined || latest === serving) return latest;
  const lookup = lookupOf(latest);
  const places =
    'table' in lookup ? [lookup] : Array.from({ length: lookup.buckets }, (_, i) => ({ key: `${lookup.prefix}${i}` }));
  return places.every((place) => 'routes' in find(client, place)) ? latest : serving;
}

function lookupOf(listener: ClientResource): { table: string } | { buckets: number; prefix: string } {
  const text = JSON.stringify(decoded(listener));
  const table = /"route_config_name":"([^"]+)"/.exec(text)?.[1];
  if (table !== undefined) return { table };
  const [, buckets, prefix] = /"value":"(\d+) ([^"]+)"/.exec(text) ?? [];
  return { buckets: Number(buckets), prefix: prefix ?? '' };
}

function find(
  client: XdsClient,
  place: { table: string } | { key: string },
): { routes: ClientResource } | { missing: string } {
  const table = 'table' in place ? place.table : tablesByScope(client).get(place.key);
  if (table === undefined) return { missing: `scope ${'key' in place ? place.key : ''}` };
  const routes = client.get('routes', table);
  return routes === undefined ? { missing: `table ${table}` } : { routes };
}

function tablesByScope(client: XdsClient): Map<string, string> {
  const found = new Map<string, string>();
  for (const resource of client.state.get('scoped-routes')?.values() ?? []) {
    const { key, route_configuration_name: table } = decoded(resource) as {
      key: { fragments: { string_key: string }[] };
      route_configuration_name: string;
    };
    found.set(key.fragments[0]?.string_key ?? '', table);
  }
  return found;
}

const known = new WeakMap<ClientResource, JsonObject>();

function decoded(resource: ClientResource): JsonObject {
  let message = known.get(resource);
  if (message === undefined) {
    message = decodeResource(resource) as JsonObject;
    known.set(resource, message);
  }
  return message;
}
