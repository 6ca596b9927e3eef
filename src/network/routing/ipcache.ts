import { equal } from '../../lib/equal.ts';
import { type IpcacheEntry, type IpcacheSource, sourceOrder } from '../identity/index.ts';

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
      if (!equal(before, entry)) changes.push({ prefix, entry });
    }
    this.#changed.clear();
    return changes;
  }

  #add(owner: string, entry: PrefixEntry): void {
    let sources = this.#claims.get(entry.prefix);
    if (sources === undefined) {
      sources = new Map();
      this.#claims.set(entry.prefix, sources);
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
