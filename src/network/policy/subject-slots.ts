import { equal } from '../../lib/equal.ts';
import type { DirectedGrant } from './class-entries.ts';
import type { PeerSet, PeerSets } from './peer-set.ts';
import type { Rule } from './rule.ts';
import { formatSelector, type Selector } from './selector.ts';
import {
  builtInGrants,
  directions,
  enforcementOf,
  peersOf,
  requirementsOf,
  type SubjectOptions,
} from './subject-rules.ts';
import type { PeerSlot, SubjectState } from './subject-state.ts';

/** Slots that a subject loses and gets; `enforced`: whether it is enforced, in either direction, changed. */
export interface SlotChange {
  readonly subject: SubjectState;
  readonly removed: readonly PeerSlot[];
  readonly added: readonly PeerSlot[];
  readonly enforced: boolean;
}

/** The key of slots that come from no policy. */
const BUILT_IN = '';

/** Numbers of slots: of all subjects, as they cost nothing. */
let lastSlot = 0;

/**
 * Makes the slots of a subject anew for those policies whose rules for it changed (`keys`), and for all of them where what
 * their rules say together changed: `requires` of one rule holds for all.
 */
export function reworkSubject(
  subject: SubjectState,
  keys: Iterable<string>,
  sets: PeerSets,
  options: SubjectOptions,
): SlotChange {
  const rules = [...subject.rules.values()].flat();
  const before = subject.enforcement;
  subject.enforcement = {
    ingress: enforcementOf(rules, 'ingress', subject, options.enforcement),
    egress: enforcementOf(rules, 'egress', subject, options.enforcement),
  };
  const requires = requirements(rules);
  const anew = new Set(
    equal(requires.key, subject.requires) ? keys : [...subject.rules.keys(), ...subject.slotsOf.keys()],
  );
  subject.requires = requires.key;
  anew.add(BUILT_IN);

  const removed: PeerSlot[] = [];
  const added: PeerSlot[] = [];
  for (const key of anew) {
    const grants = key === BUILT_IN ? builtInGrants(subject, options) : grantsOf(subject.rules.get(key) ?? []);
    const old = subject.slotsOf.get(key) ?? [];
    if (
      key === BUILT_IN &&
      equal(
        grants,
        old.flatMap((slot) => slot.grants),
      )
    )
      continue;
    removed.push(...old);
    const slots = makeSlots(grants, sets, requires.of);
    added.push(...slots);
    if (slots.length > 0) subject.slotsOf.set(key, slots);
    else subject.slotsOf.delete(key);
  }
  const enforced = directions.some(
    (direction) => before[direction].enforced !== subject.enforcement[direction].enforced,
  );
  return { subject, removed, added, enforced };
}

function grantsOf(rules: readonly Rule[]): DirectedGrant[] {
  return rules.flatMap((rule) =>
    directions.flatMap((direction) =>
      (rule.sections[direction]?.grants ?? []).map((grant) => ({ ...grant, direction })),
    ),
  );
}

type RequiresOf = (grant: DirectedGrant) => readonly Selector[];

function requirements(rules: readonly Rule[]): { readonly key: string; readonly of: RequiresOf } {
  const all = new Map<string, Selector[]>();
  for (const direction of directions)
    for (const verdict of ['allow', 'deny'] as const)
      all.set(`${direction} ${verdict}`, requirementsOf(rules, direction, verdict));
  return {
    key: [...all.values()].map((selectors) => selectors.map(formatSelector).join(' & ')).join('\n'),
    of: ({ direction, verdict }) => all.get(`${direction} ${verdict}`)!,
  };
}

/** One slot for all grants with the same peers. */
function makeSlots(grants: readonly DirectedGrant[], sets: PeerSets, requires: RequiresOf): PeerSlot[] {
  const bySet = new Map<PeerSet, DirectedGrant[]>();
  for (const grant of grants) {
    const set = sets.acquire(peersOf(grant), requires(grant));
    const same = bySet.get(set);
    if (same === undefined) {
      bySet.set(set, [grant]);
    } else {
      same.push(grant);
      sets.release(set);
    }
  }
  return [...bySet].map(([set, of]) => ({ number: ++lastSlot, set, grants: of }));
}
