import type { Collection, DerivedCollection, Index, Store } from '../../store/index.ts';
import { hostBucket } from './host-bucket.ts';
import type { HostFragment } from './routes/virtual-host.ts';
import type { TableUse } from './table-use.ts';

/**
 * How a route table is cut into RouteConfigurations. It decides how much is sent for a change, never what is served:
 *
 * - `table`: one RouteConfiguration. Envoy rebuilds all of it for each changed host, 180 ms at 10,000 hosts.
 * - `buckets`: one for each bucket of hosts, found by a header that holds the bucket of the request's host (`host-bucket.ts`).
 *   A changed host costs its bucket. Every bucket holds a copy of all wildcard hosts, which therefore keep their precedence;
 *   buckets without a host of their own are served too, since a scope that is pointed at another RouteConfiguration
 *   answers 404 until that has arrived.
 */
export interface TableLayout {
  readonly table: string;
  /** What listeners look routes up in. */
  readonly lookup: 'table' | 'buckets';
  /** What is served: connections that drain after a change of `lookup` still use the other one. */
  readonly serveTable: boolean;
  readonly serveBuckets: boolean;
}

/** The hosts of one bucket of a table, sorted; or all its wildcard hosts. */
export interface Bucket {
  readonly table: string;
  readonly wildcard: boolean;
  readonly hosts: readonly HostFragment[];
}

export interface LayoutOptions {
  /** Tables of more exact hosts than this are cut into buckets. */
  readonly bucketThreshold: number;
  readonly buckets: number;
}

/** Every bucket has a copy of every wildcard host: with more copies than this, one table is the lesser evil. */
const maxWildcardCopies = 1 << 18;

export const bucketKey = (table: string, bucket: number | '*') => `${table}~${bucket}`;

/** Groups hosts by bucket whatever the layout, so that counting a table's hosts needs no pass over them. */
export function deriveBuckets(
  store: Store,
  hosts: Collection<HostFragment>,
  { buckets }: LayoutOptions,
): { readonly buckets: DerivedCollection<Bucket>; readonly byTable: Index<Bucket> } {
  const byBucket = hosts.index('bucket', (host) =>
    bucketKey(host.table, host.key.includes('*') ? '*' : hostBucket(host.key, buckets)),
  );
  const derived = store.group(byBucket, {
    name: 'route-buckets',
    equal: (a: Bucket, b: Bucket) =>
      a.hosts.length === b.hosts.length && a.hosts.every((host, i) => host === b.hosts[i]),
    map: (_fetch, members, key) => {
      const sorted = members.length === 1 ? members : [...members].sort((a, b) => (a.key < b.key ? -1 : 1));
      const [first] = sorted;
      return first === undefined
        ? []
        : [[key, { table: first.table, wildcard: first.key.includes('*'), hosts: sorted }]];
    },
  });
  return { buckets: derived, byTable: derived.index('table', (bucket) => bucket.table) };
}

/**
 * One layout for each table that a listener refers to. With hysteresis, as a change of `lookup` drains connections: a table
 * goes back only below a quarter of the threshold, and its buckets stay served for those that drain.
 */
export function deriveLayouts(
  store: Store,
  uses: Collection<TableUse>,
  byTable: Index<Bucket>,
  options: LayoutOptions,
): DerivedCollection<TableLayout> {
  /** Tables that have been cut into buckets, and what their listeners look routes up in. */
  const grown = new Map<string, TableLayout['lookup']>();
  return store.derive(uses, {
    name: 'route-layouts',
    map: (fetch, _use, table) => {
      let exact = 0;
      let wildcards = 0;
      for (const bucket of fetch.by(byTable, table))
        if (bucket.wildcard) wildcards += bucket.hosts.length;
        else exact += bucket.hosts.length;
      const before = grown.get(table);
      const limit = before === 'buckets' ? options.bucketThreshold / 4 : options.bucketThreshold + 1;
      if (wildcards * options.buckets > maxWildcardCopies) grown.delete(table);
      else if (exact >= limit) grown.set(table, 'buckets');
      else if (before !== undefined) grown.set(table, 'table');
      const lookup = grown.get(table) ?? 'table';
      return [[table, { table, lookup, serveTable: lookup === 'table', serveBuckets: grown.has(table) }]];
    },
  });
}
