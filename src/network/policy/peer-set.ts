import { compareText } from '../../lib/compare.ts';
import { BitSet } from './bit-set.ts';
import { type CachedSelector, type SelectorTerm, termKey } from './cached-selector.ts';
import { ANY } from './identity-table.ts';
import type { NamedPrefixes } from './named-prefixes.ts';
import type { Peer } from './rule.ts';
import { formatSelector, type Selector } from './selector.ts';
import type { SelectorCache } from './selector-cache.ts';
import { type Services, serviceKeyOf, servicePeerTerms } from './services.ts';

/** Everybody at once (`any`), every known identity one by one (`known`), or those that one of the peers selects. */
export type Peers = 'any' | 'known' | readonly Peer[];

/** The other side of some grants, as a set of places of identities; equal ones are one. */
export interface PeerSet {
  readonly key: string;
  readonly peers: Peers;
  readonly selectors: readonly CachedSelector[];
  /** Of one selector alone, that selector's own set. */
  readonly members: BitSet;
  users: number;
}

interface Entry extends PeerSet {
  selectors: readonly CachedSelector[];
  members: BitSet;
}

/** What a set is to select from now on. */
interface Resolved {
  readonly set: Entry;
  readonly selectors: readonly CachedSelector[];
}

/** Sources of peers that are not selectors by themselves: they change without the policy. */
export interface PeerSources {
  readonly prefixes: NamedPrefixes;
  readonly services: Services;
}

/** The sets of peers that subjects use. */
export class PeerSets {
  readonly #sets = new Map<string, Entry>();
  /** Those with peers that a source resolves, by the source's keys. */
  readonly #bySource = new Map<string, Set<Entry>>();
  readonly #known = new BitSet();
  readonly #any = new BitSet();
  readonly #cache: SelectorCache;
  readonly #sources: PeerSources;

  constructor(cache: SelectorCache, sources: PeerSources) {
    this.#cache = cache;
    this.#sources = sources;
    this.#any.add(ANY);
  }

  values(): IterableIterator<PeerSet> {
    return this.#sets.values();
  }

  /** `requires` is part of each `limited` peer. */
  acquire(peers: Peers, requires: readonly Selector[]): PeerSet {
    const limited = typeof peers === 'string' ? peers : peers.map((peer) => limit(peer, requires));
    const key = peersKey(limited);
    let set = this.#sets.get(key);
    if (set === undefined) {
      const selectors =
        typeof limited === 'string' ? [] : this.#resolve(limited).map((term) => this.#cache.acquire(term));
      set = { key, peers: limited, selectors, members: this.#membersOf(limited, selectors), users: 0 };
      this.#sets.set(key, set);
      for (const source of sourcesOf(limited)) {
        const same = this.#bySource.get(source);
        if (same === undefined) this.#bySource.set(source, new Set([set]));
        else same.add(set);
      }
    }
    set.users++;
    return set;
  }

  release(set: PeerSet): void {
    if (--set.users > 0) return;
    this.#sets.delete(set.key);
    for (const source of sourcesOf(set.peers)) {
      const same = this.#bySource.get(source);
      same?.delete(set as Entry);
      if (same?.size === 0) this.#bySource.delete(source);
    }
    for (const selector of set.selectors) this.#cache.release(selector);
  }

  /** Places of all identities, for `known`. */
  addKnown(at: number): void {
    this.#known.add(at);
  }
  deleteKnown(at: number): void {
    this.#known.delete(at);
  }

  /** Sources changed: what the sets with these keys select now. In force with {@link use}. */
  resolveAgain(sources: Iterable<string>): Resolved[] {
    const sets = new Set<Entry>();
    for (const source of sources) for (const set of this.#bySource.get(source) ?? []) sets.add(set);
    return Array.from(sets, (set) => ({
      set,
      selectors: this.#resolve(set.peers as readonly Peer[]).map((term) => this.#cache.acquire(term)),
    }));
  }

  /** Places that a set gained or lost are told to `touched`. Returns selectors that are to be released when nobody reads them any more. */
  use(resolved: readonly Resolved[], touched: (at: number) => void): CachedSelector[] {
    const replaced: CachedSelector[] = [];
    for (const { set, selectors } of resolved) {
      const before = set.selectors;
      replaced.push(...before);
      set.selectors = selectors;
      set.members = this.#membersOf(set.peers, selectors);
      for (const selector of before) if (!selectors.includes(selector)) selector.members.each(touched);
      for (const selector of selectors) if (!before.includes(selector)) selector.members.each(touched);
    }
    return replaced;
  }

  /** Brings sets of several selectors up to date with these. */
  refresh(): void {
    for (const set of this.#sets.values()) if (set.selectors.length > 1) unite(set.members, set.selectors);
  }

  #membersOf(peers: Peers, selectors: readonly CachedSelector[]): BitSet {
    if (peers === 'any') return this.#any;
    if (peers === 'known') return this.#known;
    if (selectors.length === 1) return selectors[0]!.members;
    const members = new BitSet();
    unite(members, selectors);
    return members;
  }

  #resolve(peers: readonly Peer[]): SelectorTerm[] {
    const terms = new Map<string, SelectorTerm>();
    for (const peer of peers) for (const term of this.#termsOf(peer)) terms.set(termKey(term), term);
    return [...terms].sort(([a], [b]) => compareText(a, b)).map(([, term]) => term);
  }

  #termsOf(peer: Peer): readonly SelectorTerm[] {
    switch (peer.kind) {
      case 'labels':
        return [{ kind: 'labels', selector: peer.selector }];
      case 'prefix':
        return [peer];
      case 'prefix-set':
        return this.#sources.prefixes.get(peer.name).map((prefix) => ({ kind: 'prefix', prefix, except: peer.except }));
      default:
        return servicePeerTerms(peer, this.#sources.services);
    }
  }
}

function limit(peer: Peer, requires: readonly Selector[]): Peer {
  if (peer.kind !== 'labels' || peer.limited !== true) return peer;
  return { kind: 'labels', selector: requires.length === 0 ? peer.selector : [...peer.selector, ...requires.flat()] };
}

function unite(members: BitSet, selectors: readonly CachedSelector[]): void {
  members.clear();
  for (const selector of selectors) members.addAll(selector.members);
}

function peersKey(peers: Peers): string {
  if (typeof peers === 'string') return peers;
  return [...new Set(peers.map(peerKey))].sort().join(' | ');
}

function peerKey(peer: Peer): string {
  switch (peer.kind) {
    case 'labels':
      return `{${formatSelector(peer.selector)}}`;
    case 'prefix':
      return termKey(peer);
    case 'prefix-set':
      return `${peer.name} except ${peer.except.map(({ text }) => text).sort()}`;
    case 'service':
      return `service ${peer.namespace}/${peer.name}`;
    case 'services':
      return `services ${peer.namespace ?? '*'} {${formatSelector(peer.selector)}}`;
  }
}

/** Keys of {@link PeerSources}: what makes a set be resolved again. */
function sourcesOf(peers: Peers): string[] {
  if (typeof peers === 'string') return [];
  return peers.flatMap((peer) =>
    peer.kind === 'prefix-set'
      ? [peer.name]
      : peer.kind === 'service' || peer.kind === 'services'
        ? [serviceKeyOf(peer)]
        : [],
  );
}
