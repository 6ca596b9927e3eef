import type { CidrIdentities, CidrIdentity, Identity, Prefix } from '../identity/index.ts';
import { BitSet } from './bit-set.ts';
import { IdentityTable } from './identity-table.ts';
import type { PeerPorts } from './peer-ports.ts';
import { PeerSets, type PeerSources } from './peer-set.ts';
import { SelectorCache } from './selector-cache.ts';

/** Places of identities, and how many. */
export interface Places {
  readonly at: BitSet;
  readonly count: number;
}

/**
 * Everybody whom policies may be about: identities, what selects them, and networks, which come and go with the selectors that
 * name them. Keeps in mind about whom something is different.
 */
export class KnownPeers {
  readonly identities = new IdentityTable();
  readonly cache: SelectorCache;
  readonly sets: PeerSets;
  readonly #cidrs: CidrIdentities;
  readonly #ports: PeerPorts;
  #marked = new BitSet();
  #count = 0;
  #added: CidrIdentity[] = [];
  #removed: CidrIdentity[] = [];

  constructor(cidrs: CidrIdentities, ports: PeerPorts, sources: PeerSources) {
    this.#cidrs = cidrs;
    this.#ports = ports;
    this.cache = new SelectorCache(this.identities, (change, prefix) => this.#network(change, prefix));
    this.sets = new PeerSets(this.cache, sources);
  }

  add(identity: Identity & { readonly prefix?: Prefix }): void {
    const known = this.identities.add(identity);
    this.identities.setPortsAt(known.at, this.#ports.of(known.id));
    this.sets.addKnown(known.at);
    this.cache.addIdentity(known);
    this.mark(known.at);
  }

  /** Other labels for one that is there. */
  replace(identity: Identity): void {
    const old = this.identities.get(identity.id)!;
    this.cache.deleteIdentity(old);
    this.mark(old.at);
    this.cache.addIdentity(this.identities.replace(identity));
  }

  delete(id: number): void {
    const known = this.identities.delete(id);
    if (known === undefined) return;
    this.sets.deleteKnown(known.at);
    this.cache.deleteIdentity(known);
    this.mark(known.at);
  }

  /** Something is different about who is at this place. */
  mark(at: number): void {
    if (this.#marked.has(at)) return;
    this.#marked.add(at);
    this.#count++;
  }

  /** Whether there is anything to take. */
  get isPending(): boolean {
    return this.#count + this.#added.length + this.#removed.length > 0;
  }

  /** All that was marked since the last call, with sets of peers up to date; undefined where nothing was. */
  takeMarked(): Places | undefined {
    if (this.#count === 0) return undefined;
    this.sets.refresh();
    const places = { at: this.#marked, count: this.#count };
    this.#marked = new BitSet();
    this.#count = 0;
    return places;
  }

  /** Networks that came (the longest first) and went (the shortest first) since the last call. */
  takeNetworks(): { readonly added: readonly CidrIdentity[]; readonly removed: readonly CidrIdentity[] } {
    const added = this.#added.sort((a, b) => b.prefix.length - a.prefix.length);
    const removed = this.#removed.sort((a, b) => a.prefix.length - b.prefix.length);
    this.#added = [];
    this.#removed = [];
    return { added, removed };
  }

  /** All of a family has a reserved number, which is there anyway. */
  #network(change: 'acquire' | 'release', prefix: Prefix): void {
    if (change === 'release') {
      const identity = this.#cidrs.release(prefix);
      if (identity === undefined) return;
      this.#removed.push(identity);
      if (prefix.length > 0) this.delete(identity.id);
      return;
    }
    const { identity, created } = this.#cidrs.acquire(prefix);
    if (!created) return;
    this.#added.push(identity);
    if (prefix.length > 0) this.add(identity);
  }
}
