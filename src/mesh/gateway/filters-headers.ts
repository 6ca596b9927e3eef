import type { HeaderModifier } from '../../api/index.ts';
import type { HeaderChanges } from '../model/index.ts';

/**
 * A modifier as changes. The spec permits one action a name; where there are several nevertheless, removal wins, then set,
 * then add, as if they ran in the order set, add, remove.
 */
export function headerChanges(modifier: HeaderModifier): HeaderChanges | undefined {
  const { set, add, remove } = modifier;
  if (set.length === 0 && add.length === 0 && remove.length === 0) return undefined;
  if (remove.length === 0) return changes(set, add, remove);
  const gone = new Set(remove.map((name) => name.toLowerCase()));
  const kept = ({ name }: { readonly name: string }) => !gone.has(name.toLowerCase());
  return changes(set.filter(kept), add.filter(kept), remove);
}

/** The names that a modifier acts on more than once, in lower case: the spec calls it invalid. */
export function repeatedNames(modifier: HeaderModifier): string[] {
  const { set, add, remove } = modifier;
  if (set.length + add.length + remove.length < 2) return [];
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const name of [...set.map((h) => h.name), ...add.map((h) => h.name), ...remove]) {
    const lower = name.toLowerCase();
    if (seen.has(lower)) repeated.add(lower);
    seen.add(lower);
  }
  return [...repeated];
}

/**
 * Two changes, one after the other, as one: those of a rule and then those of a backend. Envoy would apply the backend's
 * first, so that the rule's would have the last word.
 */
export function thenChanges(
  first: HeaderChanges | undefined,
  second: HeaderChanges | undefined,
): HeaderChanges | undefined {
  if (first === undefined) return second;
  if (second === undefined) return first;
  const overridden = new Set(
    [...(second.remove ?? []), ...(second.set ?? []).map((h) => h.name)].map((name) => name.toLowerCase()),
  );
  const kept = ({ name }: { readonly name: string }) => !overridden.has(name.toLowerCase());
  return changes(
    [...(first.set ?? []).filter(kept), ...(second.set ?? [])],
    [...(first.add ?? []).filter(kept), ...(second.add ?? [])],
    [...(first.remove ?? []).filter((name) => kept({ name })), ...(second.remove ?? [])],
  );
}

/** What changes say of the `Host` header, which Envoy takes as a rewrite of the authority and not as a header. */
export function withoutHost(all: HeaderChanges | undefined): {
  readonly rest: HeaderChanges | undefined;
  readonly host?: string;
  /** `add` and `remove` of the one host that a request has: they cannot be done. */
  readonly refused: boolean;
} {
  if (all === undefined) return { rest: undefined, refused: false };
  const isHost = (name: string) => name.length === 4 && name.toLowerCase() === 'host';
  const set = all.set?.find((header) => isHost(header.name));
  const refused = (all.add?.some((header) => isHost(header.name)) || all.remove?.some(isHost)) ?? false;
  if (set === undefined && !refused) return { rest: all, refused };
  return {
    rest: changes(
      (all.set ?? []).filter((header) => !isHost(header.name)),
      (all.add ?? []).filter((header) => !isHost(header.name)),
      (all.remove ?? []).filter((name) => !isHost(name)),
    ),
    ...(set === undefined ? {} : { host: set.value }),
    refused,
  };
}

function changes(
  set: NonNullable<HeaderChanges['set']>,
  add: NonNullable<HeaderChanges['add']>,
  remove: NonNullable<HeaderChanges['remove']>,
): HeaderChanges | undefined {
  if (set.length === 0 && add.length === 0 && remove.length === 0) return undefined;
  return {
    ...(set.length === 0 ? {} : { set }),
    ...(add.length === 0 ? {} : { add }),
    ...(remove.length === 0 ? {} : { remove }),
  };
}
