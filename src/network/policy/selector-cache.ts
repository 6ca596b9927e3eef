import { assert } from '../../lib/fault.ts';
import type { Prefix } from '../identity/index.ts';
import { type CachedSelector, makeCachedSelector, type SelectorTerm, termKey, termSelects } from './cached-selector.ts';
import type { IdentityTable, KnownIdentity } from './identity-table.ts';
import { LabelAnchors } from './label-anchors.ts';
import { LabelPostings } from './label-postings.ts';
import { isNetwork, PrefixIndex } from './prefix-index.ts';

/**
 * Which identities each selector selects. A new selector looks only at identities that have the rarest of its labels, a new
 * identity only at selectors that ask for one of its labels, so that neither costs what there is in all.
 */
export class SelectorCache {
  readonly #selectors = new Map<string, CachedSelector>();
  readonly #anchors = new LabelAnchors();
  readonly #postings = new LabelPostings();
  readonly #prefixes = new PrefixIndex();
  readonly #identities: IdentityTable;
  /** Networks that selectors name come and go with them. */
  readonly #onNetwork: (change: 'acquire' | 'release', prefix: Prefix) => void;

  constructor(identities: IdentityTable, onNetwork: (change: 'acquire' | 'release', prefix: Prefix) => void) {
    this.#identities = identities;
    this.#onNetwork = onNetwork;
  }

  values(): IterableIterator<CachedSelector> {
    return this.#selectors.values();
  }

  acquire(term: SelectorTerm): CachedSelector {
    const key = termKey(term);
    let cached = this.#selectors.get(key);
    if (cached === undefined) {
      cached = makeCachedSelector(key, term);
      this.#selectors.set(key, cached);
      this.#enter(cached);
    }
    cached.users++;
    return cached;
  }

  release(cached: CachedSelector): void {
    assert(cached.users > 0, `selector ${cached.key} released once too often`);
    if (--cached.users > 0) return;
    this.#selectors.delete(cached.key);
    const { term } = cached;
    if (term.kind === 'labels') {
      this.#anchors.delete(cached);
      return;
    }
    this.#prefixes.deleteSelector(cached, term.prefix);
    for (const prefix of [term.prefix, ...term.except]) this.#onNetwork('release', prefix);
  }

  addIdentity(identity: KnownIdentity): void {
    this.#postings.add(identity);
    for (const cached of this.#anchors.candidates(identity.index)) {
      if (termSelects(cached.term, identity)) cached.members.add(identity.at);
    }
    if (!isNetwork(identity)) return;
    for (const cached of this.#prefixes.addNetwork(identity)) {
      if (termSelects(cached.term, identity)) cached.members.add(identity.at);
    }
  }

  deleteIdentity(identity: KnownIdentity): void {
    this.#postings.delete(identity);
    for (const cached of this.#anchors.candidates(identity.index)) cached.members.delete(identity.at);
    if (!isNetwork(identity)) return;
    for (const cached of this.#prefixes.deleteNetwork(identity)) cached.members.delete(identity.at);
  }

  #enter(cached: CachedSelector): void {
    const { term, members } = cached;
    if (term.kind === 'labels') {
      const rarest = this.#postings.rarest(term.selector);
      this.#anchors.add(cached, rarest?.requirement);
      for (const identity of rarest?.identities() ?? this.#identities.values()) {
        if (termSelects(term, identity)) members.add(identity.at);
      }
      return;
    }
    for (const network of this.#prefixes.addSelector(cached, term.prefix))
      if (termSelects(term, network)) members.add(network.at);
    for (const prefix of [term.prefix, ...term.except]) this.#onNetwork('acquire', prefix);
  }
}
