import type { Collection, DerivedCollection, Index, Store } from '../../store/index.ts';
import { hostBucket } from './host-bucket.ts';
import type { HostFragment } from './routes/virtual-host.ts';
import type { TableUse } from './table-use.ts';

/**
 * How a route table is cut into RouteConfigurations. It decides how much is sent for a change, never what is served:
 *
 * - whole: one RouteConfiguration. Envoy rebuilds all of it for each changed host, 180 ms at 10,000 hosts.
 * - in buckets: one RouteConfiguration for each bucket of hosts, found by a header that holds the bucket of the request's
 *   host (`host-bucket.ts`). A changed host costs its bucket. Every bucket holds a copy of all wildcard hosts, which
 *   therefore keep their precedence; buckets without a host of their own are served too, since a scope that is pointed at
 *   another RouteConfiguration answers 404 until that has arrived.
 */
export interface TableLayout {
  readonly table: string;
  /** The number of buckets in which listeners look routes up; 0: the whole table. */
  readonly lookup: number;
  /** The numbers of buckets for which RouteConfigurations are served: connections that drain still use a former `lookup`. */
  readonly served: readonly number[];
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
  /**
   * Numbers of buckets, the fewest first, each a divisor of the next. Few come up faster (256: 0.1 s, 2,048: 0.7 s), many
   * keep buckets small: the next number is for more than 32 hosts a bucket.
   */
  readonly buckets: readonly number[];
}

const hostsPerBucket = 32;

/** Every bucket has a copy of every wildcard host: with more copies than this, one table is the lesser evil. */
const maxWildcardCopies = 1 << 18;

const finest = ({ buckets }: LayoutOptions) => buckets.at(-1) ?? 1;
export const bucketKey = (table: string, bucket: number | '*') => `${table}~${bucket}`;

/** Groups hosts by the finest buckets whatever the layout, so that counting a table's hosts needs no pass over them. */
export function deriveBuckets(
  store: Store,
  hosts: Collection<HostFragment>,
  options: LayoutOptions,
): { readonly buckets: DerivedCollection<Bucket>; readonly byTable: Index<Bucket> } {
  const buckets = finest(options);
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

/** The finest buckets that make up one of `size` buckets: the remainder by a divisor is the remainder's remainder. */
export function* bucketParts(table: string, bucket: number, size: number, options: LayoutOptions): Generator<string> {
  for (let part = bucket; part < finest(options); part += size) yield bucketKey(table, part);
}

/**
 * One layout for each table that a listener refers to. With hysteresis, as a change of `lookup` drains connections: a table
 * goes back only below a quarter of what made it grow, and its former buckets stay served for those that drain. The whole
 * table does not: Envoy keeps a RouteConfiguration that is no longer served for as long as it is used.
 */
export function deriveLayouts(
  store: Store,
  uses: Collection<TableUse>,
  byTable: Index<Bucket>,
  options: LayoutOptions,
): DerivedCollection<TableLayout> {
  /** What listeners look routes up in, and all numbers of buckets they ever did, of tables that have grown. */
  const grown = new Map<string, { lookup: number; readonly former: Set<number> }>();
  /** How many hosts a number of buckets is for. */
  const threshold = (size: number) => {
    const level = options.buckets.indexOf(size);
    return Math.max(options.bucketThreshold, (options.buckets[level - 1] ?? 0) * hostsPerBucket);
  };
  const next = (lookup: number, exact: number, permitted: readonly number[]) => {
    const grow = permitted.findLast((size) => exact > threshold(size)) ?? 0;
    const shrink = permitted.findLast((size) => size <= lookup && exact >= threshold(size) / 4) ?? 0;
    return Math.max(grow, shrink);
  };
  return store.derive<TableUse, TableLayout>(uses, {
    name: 'route-layouts',
    map: (fetch, _use, table) => {
      let exact = 0;
      let wildcards = 0;
      for (const bucket of fetch.by(byTable, table))
        if (bucket.wildcard) wildcards += bucket.hosts.length;
        else exact += bucket.hosts.length;
      const permitted = options.buckets.filter((size) => wildcards * size <= maxWildcardCopies);
      const state = grown.get(table) ?? { lookup: 0, former: new Set() };
      state.lookup = next(state.lookup, exact, permitted);
      if (state.lookup > 0) grown.set(table, state);
      if (grown.has(table)) state.former.add(state.lookup);
      const { lookup } = state;
      const former = permitted.filter((size) => state.former.has(size));
      return [[table, { table, lookup, served: lookup === 0 ? [0, ...former] : former }]];
    },
  });
}
