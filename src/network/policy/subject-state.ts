import type { Labels } from '../identity/index.ts';
import type { BitSet } from './bit-set.ts';
import { type ClassEntry, strength } from './class-entries.ts';
import type { IdentityTable } from './identity-table.ts';
import { type PeerClass, PeerClasses, type Slot } from './peer-classes.ts';
import type { PeerSet } from './peer-set.ts';
import { type Direction, entryKey, type PolicyEntry } from './policy-entry.ts';
import type { Rule } from './rule.ts';
import { indexLabels, type LabelIndex } from './selector.ts';
import type { Enforcement, NamedPort, SubjectChange, SubjectPolicy } from './subject-policy.ts';

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
  entryCount = 0;
  users = 0;
  readonly #identities: IdentityTable;
  readonly #classes: PeerClasses;
  #of: (PeerClass | undefined)[] = [];
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
      for (const entry of entries) yield { ...entry, identity };
    }
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

  /** Finds out anew what applies at a place. */
  judge(at: number): void {
    this.touch(at);
    let found = this.#classes.nobody;
    for (const slot of this.#slots.values()) {
      if (slot.set.members.has(at)) found = this.#classes.with(found, slot.number);
    }
    this.#put(at, found);
  }

  /** The same for many places at once. */
  judgeAll(places: BitSet): void {
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
      if (after !== before) this.#difference(this.#identities.idAt(at), before, after, upserts, removals);
    }
    this.#before.clear();
    for (const number of this.#retired) this.#grants.delete(number);
    this.#retired = [];
    if (this.#classes.size > this.#keepAt) this.#tidy();
    if (upserts.length === 0 && removals.length === 0 && !enforcementChanged) return undefined;
    if (policyChanged) this.generation++;
    upserts.sort((a, b) => strength[b.verdict] - strength[a.verdict]);
    removals.sort((a, b) => strength[a.verdict] - strength[b.verdict]);
    return { subject: this, upserts, removals, enforcementChanged };
  }

  #put(at: number, found: PeerClass): void {
    while (this.#of.length < at) this.#of.push(undefined);
    this.#of[at] = found === this.#classes.nobody ? undefined : found;
  }

  #entriesAt(at: number): readonly ClassEntry[] {
    const of = this.#of[at];
    return of === undefined ? none : this.#classes.entries(of, this.#identities.portsAt(at));
  }

  #difference(
    identity: number,
    before: readonly ClassEntry[],
    after: readonly ClassEntry[],
    upserts: PolicyEntry[],
    removals: PolicyEntry[],
  ): void {
    this.entryCount += after.length - before.length;
    if (before.length === 0) {
      for (const entry of after) upserts.push({ ...entry, identity });
      return;
    }
    const old = new Map(before.map((entry) => [entryKey({ ...entry, identity }), entry]));
    for (const entry of after) {
      const key = entryKey({ ...entry, identity });
      const other = old.get(key);
      old.delete(key);
      if (other === undefined || !sameValue(entry, other)) upserts.push({ ...entry, identity });
    }
    for (const entry of old.values()) removals.push({ ...entry, identity });
  }

  #tidy(): void {
    const used = new Set<PeerClass>();
    for (const one of this.#of) if (one !== undefined) used.add(one);
    this.#classes.keep(used);
    this.#keepAt = Math.max(64, 2 * used.size);
  }
}

function sameValue(a: ClassEntry, b: ClassEntry): boolean {
  return (
    strength[a.verdict] === strength[b.verdict] &&
    a.rule === b.rule &&
    a.l7?.parser === b.l7?.parser &&
    a.l7?.listener === b.l7?.listener
  );
}

const open: Enforcement = { enforced: false, defaultDeny: false, selectedBy: [] };
const none: readonly ClassEntry[] = [];
