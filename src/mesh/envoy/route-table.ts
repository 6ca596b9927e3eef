import { hash } from 'node:crypto';
import type { ObjectRef } from '../../api/object.ts';
import { RouteConfigurationSchema } from '../../gen/envoy/config/route/v3/route_pb.ts';
import { ScopedRouteConfigurationSchema } from '../../gen/envoy/config/route/v3/scoped_route_pb.ts';
import { encode } from '../../lib/protobuf-encode.ts';
import type { Collection, DerivedCollection, Index, Store } from '../../store/index.ts';
import { bucketHeader } from './host-bucket.ts';
import { assembleResource, makeResource, sameResource } from './make-resource.ts';
import type { Resource } from './resource.ts';
import { type Bucket, bucketKey, bucketParts, type LayoutOptions, type TableLayout } from './route-layout.ts';
import type { HostFragment } from './routes/virtual-host.ts';

/** One RouteConfiguration to be: a table, or one of its buckets. Keyed by its name. */
interface Slot {
  readonly table: string;
  /** undefined: the whole table. */
  readonly bucket?: { readonly number: number; readonly of: number };
}

/** Envoy's limit for bodies of direct responses is 4 KiB unless the table says otherwise. */
const maxDirectBody = 1 << 20;

/** RouteConfigurations and, for tables in buckets, the scopes that lead to them. */
export function deriveRouteTables(
  store: Store,
  layouts: Collection<TableLayout>,
  buckets: Collection<Bucket>,
  byTable: Index<Bucket>,
  options: LayoutOptions,
): { readonly routes: DerivedCollection<Resource>; readonly scopes: DerivedCollection<Resource> } {
  const slots = store.derive<TableLayout, Slot>(layouts, {
    name: 'route-slots',
    map: function* (_fetch, { table, served }) {
      for (const of of served) {
        if (of === 0) yield [table, { table }];
        for (let number = 0; number < of; number++)
          yield [`${table}~${number}of${of}`, { table, bucket: { number, of } }];
      }
    },
  });
  const routes = store.derive<Slot, Resource>(slots, {
    name: 'route-configurations',
    equal: sameResource,
    map: (fetch, { table, bucket }, name) => {
      const hosts: HostFragment[] = [];
      if (bucket === undefined) for (const part of fetch.by(byTable, table)) hosts.push(...part.hosts);
      else {
        for (const key of bucketParts(table, bucket.number, bucket.of, options))
          hosts.push(...(fetch.get(buckets, key)?.hosts ?? []));
        hosts.push(...(fetch.get(buckets, bucketKey(table, '*'))?.hosts ?? []));
      }
      hosts.sort((a, b) => (a.key < b.key ? -1 : 1));
      return [[name, assembleResource('routes', name, tableHead(name), hosts)]];
    },
  });
  const scopes = store.derive<Slot, Resource>(slots, {
    name: 'scoped-routes',
    equal: sameResource,
    map: (_fetch, { table, bucket }, name) =>
      bucket === undefined ? [] : [[name, scope(name, scopePrefix(table, bucket.of) + bucket.number)]],
  });
  return { routes, scopes };
}

function tableHead(name: string): Uint8Array {
  return encode(RouteConfigurationSchema, {
    name,
    ignorePortInHostMatching: true,
    // In both layouts, so that no backend ever sees what a client wrote there.
    requestHeadersToRemove: [bucketHeader],
    // A backend's own header changes come after those of its rule.
    mostSpecificHeaderMutationsWins: true,
    maxDirectResponseBodySizeBytes: maxDirectBody,
  });
}

const noOrigins: readonly ObjectRef[] = [];

function scope(name: string, key: string): Resource {
  return makeResource(
    'scoped-routes',
    name,
    ScopedRouteConfigurationSchema,
    { name, routeConfigurationName: name, key: { fragments: [{ type: { case: 'stringKey', value: key } }] } },
    noOrigins,
  );
}

/**
 * What stands before the bucket in the scope's key. Envoy gives all scopes to every listener, so those of two tables, or of
 * one table cut in two ways, must not have one key. At most 32 bytes, whatever the table is called.
 */
export const scopePrefix = (table: string, buckets: number) =>
  `${hash('sha256', table, 'base64url').slice(0, 12)}-${buckets}-`;
