import { bitsOf } from '../../lib/ip-address.ts';
import type { Prefix } from '../identity/index.ts';
import type { CachedSelector } from './cached-selector.ts';
import type { KnownIdentity } from './identity-table.ts';

type Network = KnownIdentity & { readonly prefix: Prefix };

/** Networks within one prefix, and the selectors that are about it. */
interface Bucket {
  readonly networks: Set<Network>;
  readonly selectors: Set<CachedSelector>;
}

/** All prefixes of one length, by their leading bits. */
interface Table {
  readonly family: 4 | 6;
  readonly length: number;
  readonly buckets: Map<bigint, Bucket>;
  selectors: number;
}

/**
 * Which networks lie within the prefixes of which selectors: a look-up for each length of prefix that selectors have, of which there
 * are few, so that a list of ten thousand networks does not compare each with each.
 */
export class PrefixIndex {
  readonly #tables = new Map<string, Table>();
  readonly #networks = new Set<Network>();

  /** The selectors that may select it: all whose prefix it lies in. */
  addNetwork(network: Network): CachedSelector[] {
    this.#networks.add(network);
    const selectors: CachedSelector[] = [];
    for (const table of this.#tables.values()) {
      if (!reaches(table, network)) continue;
      const bucket = bucketOf(table, network.prefix);
      bucket.networks.add(network);
      selectors.push(...bucket.selectors);
    }
    return selectors;
  }

  /** The selectors that may have selected it. */
  deleteNetwork(network: Network): CachedSelector[] {
    if (!this.#networks.delete(network)) return [];
    const selectors: CachedSelector[] = [];
    for (const table of this.#tables.values()) {
      if (!reaches(table, network)) continue;
      const bucket = bucketOf(table, network.prefix);
      bucket.networks.delete(network);
      selectors.push(...bucket.selectors);
      dropEmpty(table, network.prefix, bucket);
    }
    return selectors;
  }

  /** The networks in its prefix. */
  addSelector(selector: CachedSelector, prefix: Prefix): Iterable<Network> {
    const { family, length } = prefix;
    const name = `${family}/${length}`;
    let table = this.#tables.get(name);
    if (table === undefined) {
      table = { family, length, buckets: new Map(), selectors: 0 };
      this.#tables.set(name, table);
      for (const network of this.#networks)
        if (reaches(table, network)) bucketOf(table, network.prefix).networks.add(network);
    }
    table.selectors++;
    const bucket = bucketOf(table, prefix);
    bucket.selectors.add(selector);
    return bucket.networks;
  }

  deleteSelector(selector: CachedSelector, prefix: Prefix): void {
    const name = `${prefix.family}/${prefix.length}`;
    const table = this.#tables.get(name)!;
    const bucket = bucketOf(table, prefix);
    bucket.selectors.delete(selector);
    dropEmpty(table, prefix, bucket);
    if (--table.selectors === 0) this.#tables.delete(name);
  }
}

function reaches({ family, length }: Table, { prefix }: Network): boolean {
  return prefix.family === family && prefix.length >= length;
}

function keyOf({ family, length }: Table, { value }: Prefix): bigint {
  return value >> BigInt(bitsOf(family) - length);
}

function bucketOf(table: Table, prefix: Prefix): Bucket {
  const key = keyOf(table, prefix);
  let bucket = table.buckets.get(key);
  if (bucket === undefined) {
    bucket = { networks: new Set(), selectors: new Set() };
    table.buckets.set(key, bucket);
  }
  return bucket;
}

function dropEmpty(table: Table, prefix: Prefix, { networks, selectors }: Bucket): void {
  if (networks.size + selectors.size === 0) table.buckets.delete(keyOf(table, prefix));
}

export function isNetwork(identity: KnownIdentity): identity is Network {
  return identity.prefix !== undefined;
}
