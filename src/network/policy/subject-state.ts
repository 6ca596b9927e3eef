import { equal } from '../../lib/equal.ts';
import type { Labels } from '../identity/index.ts';
import { type ClassEntry, strength } from './class-entries.ts';
import { EntryDifferences } from './entry-differences.ts';
import { ANY, type IdentityTable } from './identity-table.ts';
import type { Places } from './known-peers.ts';
import { type PeerClass, PeerClasses, type Slot } from './peer-classes.ts';
import type { PeerSet } from './peer-set.ts';
import type { Direction, PolicyEntry } from './policy-entry.ts';
import type { Rule } from './rule.ts';
import { indexLabels, type LabelIndex } from './selector.ts';
import type { Enforcement, NamedPort, SubjectChange, SubjectPolicy } from './subject-policy.ts';
import { directions } from './subject-rules.ts';

/** A slot with the peers that it is about. */
export interface PeerSlot extends Slot {
  readonly set: PeerSet;
}

/** A subject as the engine has it: for each identity, by its place, the class of what applies to it. */
export class SubjectState implements SubjectPolicy {
  readonly id: number;
  readonly kind: 'endpoint' | 'host';
  readonly labels: Labels;
  readonly namedPorts: readonly NamedPort[];
  readonly index: LabelIndex;
  readonly #slots = new Map<number, PeerSlot>();
  /** Also those that were removed since the last {@link settle}: entries from before are made of them. */
  readonly #grants = new Map<number, Slot>();
  #retired: number[] = [];
  /** By the key of the policy, those of its rules that select the subject. */
  readonly rules = new Map<string, readonly Rule[]>();
  /** By the key of the policy: what is to be taken away with it. `''`: what no policy says. */
  readonly slotsOf = new Map<string, readonly PeerSlot[]>();
  /** What `requires` of its rules says, as a text. */
  requires = '';
  enforcement: Readonly<Record<Direction, Enforcement>> = { ingress: open, egress: open };
  generation = 0;
  /** Until the end of its first flush. */
  isNew = true;
  entryCount = 0;
  users = 0;
  readonly #identities: IdentityTable;
  readonly #classes: PeerClasses;
  #of: (PeerClass | undefined)[] = [];
  readonly #differences = new EntryDifferences();
  /** Entries that places had before this flush. */
  readonly #before = new Map<number, readonly ClassEntry[]>();
  #keepAt = 64;

  constructor(who: Pick<SubjectPolicy, 'id' | 'kind' | 'labels' | 'namedPorts'>, identities: IdentityTable) {
    this.id = who.id;
    this.kind = who.kind;
    this.labels = who.labels;
    this.namedPorts = who.namedPorts;
    this.index = indexLabels(who.labels);
    this.#identities = identities;
    this.#classes = new PeerClasses(this.#grants, who.namedPorts);
  }

  *entries(): Generator<PolicyEntry> {
    for (let at = 0; at < this.#of.length; at++) {
      const entries = this.#entriesAt(at);
      const identity = entries.length === 0 ? 0 : this.#identities.idAt(at);
      for (const entry of entries) yield withIdentity(entry, identity);
    }
  }

  treatsAlike(before: number, after: number): boolean {
    const [was, is] = [this.#identities.get(before), this.#identities.get(after)];
    if (directions.every((direction) => !this.enforcement[direction].enforced)) return true;
    if (was === undefined || is === undefined) return false;
    const of = this.#of[was.at];
    // Of thousands of changes at once, most are between identities that this policy does not tell apart.
    if (of === this.#of[is.at] && of?.byPorts !== true) return true;
    const [old, now, any] = [was.at, is.at, ANY].map((at) => this.#entriesAt(at));
    return directions.every((direction) => {
      const here = (entries: readonly ClassEntry[] = none) => entries.filter((entry) => entry.direction === direction);
      const nothingPassed = [...here(old), ...here(any)].every(({ verdict }) => verdict === 'deny');
      return nothingPassed || equal(here(old), here(now));
    });
  }

  addSlot(slot: PeerSlot): void {
    this.#slots.set(slot.number, slot);
    this.#grants.set(slot.number, slot);
    slot.set.members.each((at) => {
      this.touch(at);
      this.#put(at, this.#classes.with(this.#of[at] ?? this.#classes.nobody, slot.number));
    });
  }

  removeSlot(slot: PeerSlot): void {
    this.#slots.delete(slot.number);
    this.#retired.push(slot.number);
    slot.set.members.each((at) => {
      this.touch(at);
      this.#put(at, this.#classes.without(this.#of[at] ?? this.#classes.nobody, slot.number));
    });
  }

  /** Remembers what a place has, before anything of it changes. */
  touch(at: number): void {
    if (!this.#before.has(at)) this.#before.set(at, this.#entriesAt(at));
  }

  /** Finds out anew what applies at these places. */
  judge({ at: places, count }: Places): void {
    if (count <= FEW) {
      places.each((at) => this.#judgeOne(at));
      return;
    }
    // Of many, it is quicker to ask each slot for its members.
    places.each((at) => {
      this.touch(at);
      this.#put(at, this.#classes.nobody);
    });
    for (const slot of this.#slots.values()) {
      slot.set.members.each((at) => {
        if (places.has(at)) this.#put(at, this.#classes.with(this.#of[at] ?? this.#classes.nobody, slot.number));
      });
    }
  }

  /**
   * What became of all since the last time; undefined where nothing did. `policyChanged`: what was allowed before may not be now, so
   * it is a new generation.
   */
  settle(enforcementChanged: boolean, policyChanged: boolean): SubjectChange | undefined {
    const upserts: PolicyEntry[] = [];
    const removals: PolicyEntry[] = [];
    for (const [at, before] of this.#before) {
      const after = this.#entriesAt(at);
      this.entryCount += after.length - before.length;
      if (after === before || this.isNew) continue;
      const difference = this.#differences.of(before, after);
      const identity = this.#identities.idAt(at);
      for (const entry of difference.upserts) upserts.push(withIdentity(entry, identity));
      for (const entry of difference.removals) removals.push(withIdentity(entry, identity));
    }
    // A flush that changes nothing asks each subject all the same, and emptying an empty map makes a new one.
    if (this.#before.size > 0) {
      this.#before.clear();
      this.#differences.clear();
    }
    if (this.#retired.length > 0) for (const number of this.#retired.splice(0)) this.#grants.delete(number);
    if (this.#classes.size > this.#keepAt) this.#tidy();
    const { isNew } = this;
    if (isNew ? !policyChanged : upserts.length === 0 && removals.length === 0 && !enforcementChanged) return undefined;
    if (policyChanged) this.generation++;
    byStrength(upserts, 1);
    byStrength(removals, -1);
    return { subject: this, isNew, upserts, removals, enforcementChanged };
  }

  #judgeOne(at: number): void {
    this.touch(at);
    let found = this.#classes.nobody;
    for (const slot of this.#slots.values()) {
      if (slot.set.members.has(at)) found = this.#classes.with(found, slot.number);
    }
    this.#put(at, found);
  }

  #put(at: number, found: PeerClass): void {
    while (this.#of.length < at) this.#of.push(undefined);
    this.#of[at] = found === this.#classes.nobody ? undefined : found;
  }

  #entriesAt(at: number): readonly ClassEntry[] {
    const of = this.#of[at];
    return of === undefined ? none : this.#classes.entries(of, this.#identities.portsAt(at));
  }

  #tidy(): void {
    const used = new Set<PeerClass>();
    for (const one of this.#of) if (one !== undefined) used.add(one);
    this.#classes.keep(used);
    this.#keepAt = Math.max(64, 2 * used.size);
  }
}

/** Spelt out: of a hundred thousand of these, copying an object by its own shape is most of what a change costs. */
function withIdentity(entry: ClassEntry, identity: number): PolicyEntry {
  const { direction, protocol, port, portBits, verdict, l7, rule } = entry;
  if (l7 === undefined) return { direction, identity, protocol, port, portBits, verdict, rule };
  return { direction, identity, protocol, port, portBits, verdict, l7, rule };
}

/** Denying ones first, for writing; sorted only where there are several kinds. */
function byStrength(entries: PolicyEntry[], sign: 1 | -1): void {
  const first = entries[0]?.verdict;
  if (entries.every(({ verdict }) => verdict === first)) return;
  entries.sort((a, b) => sign * (strength[b.verdict] - strength[a.verdict]));
}

/** Places that are asked about one by one. */
const FEW = 64;

const open: Enforcement = { enforced: false, defaultDeny: false, selectedBy: [] };
const none: readonly ClassEntry[] = [];
