import { equal } from '../../lib/equal.ts';
import type { IpFamily } from '../../lib/ip-address.ts';
import {
  type IpcacheEntry,
  type IpcacheSource,
  makePrefix,
  type Prefix,
  parsePrefix,
  reserved,
  sourceOrder,
} from '../identity/index.ts';

/** What the maps hold of a prefix. */
export interface PrefixEntry extends IpcacheEntry {
  /** How packets get there: through the tunnel (to `tunnelEndpoint`), by a route to another node, or it is this node's. Absent: as the stack decides. */
  readonly way?: 'tunnel' | 'routed' | 'local';
  /** The pod that has it, for people. */
  readonly pod?: { readonly namespace: string; readonly name: string };
}

/** One prefix's change: `entry` undefined, it is gone. */
export interface PrefixChange {
  readonly prefix: string;
  readonly entry: PrefixEntry | undefined;
  /** Of the entry; of the last one where it is gone. */
  readonly source: IpcacheSource;
  /** Identity of the prefix's addresses, as far as no longer one has its own: before, and from now on. */
  readonly was: number;
  readonly is: number;
}

/**
 * Who is behind which prefix, of all that say it. The first source of {@link sourceOrder} that has an entry for a prefix decides;
 * within one source the last one who said it, as a Pod's address may be the next Pod's before the first is known to be gone.
 */
export class Ipcache {
  /** By prefix, by source, by who said it, in the order in which they did. */
  readonly #claims = new Map<string, Map<IpcacheSource, Map<string, PrefixEntry>>>();
  /** By who said it: what they said. */
  readonly #byOwner = new Map<string, readonly PrefixEntry[]>();
  readonly #effective = new Map<string, PrefixEntry>();
  readonly #changed = new Map<string, PrefixEntry | undefined>();
  /** Of prefixes that there have been, by family, the longest first: few. */
  readonly #lengths: Record<IpFamily, number[]> = { 4: [], 6: [] };

  get size(): number {
    return this.#effective.size;
  }
  get(prefix: string): PrefixEntry | undefined {
    return this.#effective.get(prefix);
  }
  values(): IterableIterator<PrefixEntry> {
    return this.#effective.values();
  }

  /** All that `owner` says, in place of what it said before. Nothing: an empty list. */
  set(owner: string, entries: readonly PrefixEntry[]): void {
    const before = this.#byOwner.get(owner) ?? [];
    if (equal(before, entries)) return;
    const touched = new Set<string>();
    for (const entry of before) {
      if (entries.some((one) => equal(one, entry))) continue;
      this.#remove(owner, entry);
      touched.add(entry.prefix);
    }
    for (const entry of entries) {
      if (before.some((one) => equal(one, entry))) continue;
      this.#add(owner, entry);
      touched.add(entry.prefix);
    }
    if (entries.length === 0) this.#byOwner.delete(owner);
    else this.#byOwner.set(owner, entries);
    for (const prefix of touched) this.#settle(prefix);
  }

  /** What changed since the last call. */
  changes(): PrefixChange[] {
    const changes: PrefixChange[] = [];
    for (const [prefix, before] of this.#changed) {
      const entry = this.#effective.get(prefix);
      if (equal(before, entry)) continue;
      const was = before?.identity ?? this.#around(prefix, (other) => this.#before(other));
      const is = entry?.identity ?? this.#around(prefix, (other) => this.#effective.get(other));
      changes.push({ prefix, entry, source: (entry ?? before)!.source, was, is });
    }
    this.#changed.clear();
    return changes;
  }

  #before(prefix: string): PrefixEntry | undefined {
    return this.#changed.has(prefix) ? this.#changed.get(prefix) : this.#effective.get(prefix);
  }

  /** The identity of the next larger prefix that has an entry. */
  #around(prefix: string, find: (prefix: string) => PrefixEntry | undefined): number {
    const { family, value, length } = parsePrefix(prefix) as Prefix;
    for (const shorter of this.#lengths[family]) {
      const found = shorter < length ? find(makePrefix(family, value, shorter).text) : undefined;
      if (found !== undefined) return found.identity;
    }
    return reserved.world;
  }

  #add(owner: string, entry: PrefixEntry): void {
    let sources = this.#claims.get(entry.prefix);
    if (sources === undefined) {
      sources = new Map();
      this.#claims.set(entry.prefix, sources);
      this.#noteLength(entry.prefix);
    }
    let claims = sources.get(entry.source);
    if (claims === undefined) {
      claims = new Map();
      sources.set(entry.source, claims);
    }
    claims.delete(owner);
    claims.set(owner, entry);
  }

  #remove(owner: string, { prefix, source }: PrefixEntry): void {
    const sources = this.#claims.get(prefix);
    const claims = sources?.get(source);
    claims?.delete(owner);
    if (claims?.size === 0) sources?.delete(source);
    if (sources?.size === 0) this.#claims.delete(prefix);
  }

  #noteLength(prefix: string): void {
    const lengths = this.#lengths[prefix.includes(':') ? 6 : 4];
    const length = Number(prefix.slice(prefix.indexOf('/') + 1));
    if (!lengths.includes(length)) lengths.splice(0, lengths.length, ...[...lengths, length].sort((a, b) => b - a));
  }

  #settle(prefix: string): void {
    const before = this.#effective.get(prefix);
    if (!this.#changed.has(prefix)) this.#changed.set(prefix, before);
    const sources = this.#claims.get(prefix);
    for (const source of sourceOrder) {
      const last = [...(sources?.get(source)?.values() ?? [])].at(-1);
      if (last === undefined) continue;
      this.#effective.set(prefix, last);
      return;
    }
    this.#effective.delete(prefix);
  }
}
