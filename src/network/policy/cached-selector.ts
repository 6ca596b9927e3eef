import { covers, type Prefix } from '../identity/index.ts';
import { BitSet } from './bit-set.ts';
import type { KnownIdentity } from './identity-table.ts';
import { formatSelector, type Selector, selects } from './selector.ts';

/** What selects single identities; equal ones are one, whoever uses them. */
export type SelectorTerm =
  | { readonly kind: 'labels'; readonly selector: Selector }
  | { readonly kind: 'prefix'; readonly prefix: Prefix; readonly except: readonly Prefix[] };

/** A term and the places of the identities that it selects. Kept up to date by the {@link SelectorCache}. */
export interface CachedSelector {
  readonly key: string;
  readonly term: SelectorTerm;
  readonly members: BitSet;
  users: number;
}

/** Equal for equal terms; for people too. */
export function termKey(term: SelectorTerm): string {
  if (term.kind === 'labels') return formatSelector(term.selector);
  const except = term.except.map(({ text }) => text).sort();
  return `cidr:${term.prefix.text}${except.length === 0 ? '' : ` except ${except.join(', ')}`}`;
}

export function termSelects(term: SelectorTerm, identity: Pick<KnownIdentity, 'index' | 'prefix'>): boolean {
  if (term.kind === 'labels') return selects(term.selector, identity.index);
  const { prefix } = identity;
  return prefix !== undefined && covers(term.prefix, prefix) && !term.except.some((one) => covers(one, prefix));
}

export function makeCachedSelector(key: string, term: SelectorTerm): CachedSelector {
  return { key, term, members: new BitSet(), users: 0 };
}
