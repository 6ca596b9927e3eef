import { type ObjectRef, refKey, refOf } from '../../api/index.ts';
import { equal } from '../../lib/equal.ts';
import { assert } from '../../lib/fault.ts';
import {
  CidrIdentities,
  type CidrIdentity,
  type Identity,
  type Labels,
  labelsKey,
  type Prefix,
  reservedIdentities,
} from '../identity/index.ts';
import { BitSet } from './bit-set.ts';
import type { CachedSelector } from './cached-selector.ts';
import type { World } from './evaluate.ts';
import { IdentityTable } from './identity-table.ts';
import { NamedPrefixes } from './named-prefixes.ts';
import { formatPort } from './peer-classes.ts';
import { PeerPorts } from './peer-ports.ts';
import { PeerSets } from './peer-set.ts';
import type {
  ChangeStep,
  EnforcementMode,
  EngineChanges,
  EngineOptions,
  PolicyObject,
  SelectorInfo,
} from './policy-engine-types.ts';
import { policyRules } from './policy-rules.ts';
import type { Rule } from './rule.ts';
import { RuleNumbers } from './rule-numbers.ts';
import type { RuleRef } from './rule-ref.ts';
import { SelectorCache } from './selector-cache.ts';
import { type PolicyService, Services } from './services.ts';
import type { NamedPort, SubjectChange, SubjectPolicy } from './subject-policy.ts';
import { selectsSubject } from './subject-rules.ts';
import { reworkSubject, type SlotChange } from './subject-slots.ts';
import { SubjectState } from './subject-state.ts';
import { type TraceQuery, type TraceStep, tracePolicy } from './trace.ts';

interface HeldPolicy {
  readonly object: PolicyObject;
  readonly rules: readonly Rule[];
  readonly refs: readonly RuleRef[];
}

/**
 * From policies, identities, named ports and Services to the entries of policy maps, incrementally. Everything written between two
 * flushes is one change. Order of arrival does not matter: the entries are a function of what is there.
 */
export class PolicyEngine {
  /** Of networks that policies name. Numbers of a former process are restored here, before the first flush. */
  readonly cidrs: CidrIdentities;
  readonly #cluster: string;
  readonly #allowLocalhost: boolean;
  #mode: EnforcementMode;
  readonly #numbers = new RuleNumbers();
  readonly #identities = new IdentityTable();
  readonly #prefixes = new NamedPrefixes();
  readonly #services = new Services();
  readonly #ports = new PeerPorts();
  readonly #cache: SelectorCache;
  readonly #sets: PeerSets;
  readonly #policies = new Map<string, HeldPolicy>();
  readonly #subjects = new Map<string, SubjectState>();
  #lastSubject = 0;
  #revision = 0;

  /** What was written since the last flush. Undefined: deleted. */
  readonly #newPolicies = new Map<string, PolicyObject | undefined>();
  readonly #newIdentities = new Map<number, Identity | undefined>();
  readonly #newPorts = new Set<number>();
  readonly #newSources = new Set<string>();
  readonly #newSubjects = new Set<SubjectState>();
  readonly #goneSubjects = new Set<SubjectState>();
  #newMode = false;
  /** Of the flush that is running: places of identities about which something is different, and networks that came. */
  #dirty = new BitSet();
  #dirtyCount = 0;
  #added: CidrIdentity[] = [];
  #removed: CidrIdentity[] = [];

  constructor(options: EngineOptions, cidrs = new CidrIdentities()) {
    this.cidrs = cidrs;
    this.#cluster = options.cluster;
    this.#allowLocalhost = options.allowLocalhost;
    this.#mode = options.enforcement;
    this.#cache = new SelectorCache(this.#identities, (change, prefix) => this.#network(change, prefix));
    this.#sets = new PeerSets(this.#cache, { prefixes: this.#prefixes, services: this.#services });
    for (const identity of reservedIdentities) this.#add(identity);
  }

  /** Replaces what the object said before. */
  setPolicy(policy: PolicyObject): void {
    this.#newPolicies.set(refKey(refOf(policy)), policy);
  }
  deletePolicy(ref: ObjectRef): void {
    this.#newPolicies.set(refKey(ref), undefined);
  }

  /** Identities of endpoints, of this cluster and others. Reserved ones and those of networks are there by themselves. */
  setIdentity(identity: Identity): void {
    this.#newIdentities.set(identity.id, identity);
  }
  deleteIdentity(id: number): void {
    this.#newIdentities.set(id, undefined);
  }

  /** Ports of one pod anywhere, for egress rules that name ports. `pod` is `namespace/name`. */
  setPeerPorts(pod: string, identity: number, ports: readonly NamedPort[]): void {
    for (const id of this.#ports.set(pod, identity, ports)) this.#newPorts.add(id);
  }
  deletePeerPorts(pod: string): void {
    for (const id of this.#ports.set(pod, 0, undefined)) this.#newPorts.add(id);
  }

  /** By `namespace/name`. */
  setService(key: string, service: PolicyService): void {
    if (equal(this.#services.get(key), service)) return;
    for (const source of this.#services.set(key, service)) this.#newSources.add(source);
  }
  deleteService(key: string): void {
    for (const source of this.#services.set(key, undefined)) this.#newSources.add(source);
  }

  /** Networks of a CiliumCIDRGroup (`cidrGroupSet`), or addresses of names that `toFQDNs` has (`fqdnSet`). Empty: none. */
  setPrefixSet(name: string, prefixes: readonly string[]): void {
    this.#prefixes.set(name, prefixes);
    this.#newSources.add(name);
  }

  setEnforcement(mode: EnforcementMode): void {
    this.#newMode ||= mode !== this.#mode;
    this.#mode = mode;
  }

  /** Counted: each call needs a {@link release}. Its entries are there after the next flush. */
  subject(labels: Labels, namedPorts: readonly NamedPort[]): SubjectPolicy {
    return this.#subject('endpoint', labels, namedPorts);
  }
  /** The node itself, for host policies. `labels` are the Node's, with source `k8s`, and `reserved:host`. */
  hostSubject(labels: Labels): SubjectPolicy {
    return this.#subject('host', labels, []);
  }
  release(subject: SubjectPolicy): void {
    assert(subject instanceof SubjectState && subject.users > 0, `subject ${subject.id} released once too often`);
    if (--subject.users > 0) return;
    this.#subjects.delete(subjectKey(subject.kind, subject.labels, subject.namedPorts));
    this.#newSubjects.delete(subject);
    this.#goneSubjects.add(subject);
  }

  subjects(): Iterable<SubjectPolicy> {
    return this.#subjects.values();
  }
  identity(id: number): Identity | undefined {
    return this.#identities.get(id);
  }
  identities(): Iterable<Identity> {
    return this.#identities.values();
  }
  /** What a number in an entry, a connection or an event stands for; also of rules that are gone, for a while. */
  rule(number: number): RuleRef | undefined {
    return this.#numbers.get(number);
  }
  /** What the policies of the last flush are, for `evaluate` and {@link tracePolicy}: these ask each rule. */
  world(): World {
    return {
      rules: [...this.#policies.values()].flatMap(({ rules }) => rules),
      enforcement: this.#mode,
      allowLocalhost: this.#allowLocalhost,
      prefixes: this.#prefixes,
      services: this.#services,
    };
  }
  /** Named ports of the pods with these labels, on all nodes. */
  portsOf(labels: Labels): readonly NamedPort[] {
    const key = labelsKey(labels);
    for (const { id, labels: of } of this.#identities.values()) if (labelsKey(of) === key) return this.#ports.of(id);
    return [];
  }
  /** `policy trace`: for each port what the sender's and the receiver's policy say, and which rule decides. */
  trace(query: TraceQuery): TraceStep[] {
    return tracePolicy({ namedPorts: this.portsOf(query.to), ...query }, this.world());
  }
  *selectors(): Generator<SelectorInfo> {
    for (const { key, users, members } of this.#cache.values()) {
      const identities: number[] = [];
      members.each((at) => identities.push(this.#identities.idAt(at)));
      yield { selector: key, users, identities: identities.sort((a, b) => a - b) };
    }
  }

  /** Brings everything up to date. */
  flush(): EngineChanges {
    const released: RuleRef[] = [];
    const changes = Array.from(this.#flushPolicies(released), ([subject, keys]) => this.#rework(subject, keys));
    const resolved = this.#sets.resolveAgain(this.#newSources);
    this.#newSources.clear();
    // Old policies, new networks: each has what the larger one has that it is taken from.
    this.#judge((subject) => !this.#newSubjects.has(subject));
    const split = this.#step('networks come');

    this.#flushIdentities();
    const replaced = this.#sets.use(resolved, (at) => this.#mark(at));
    if (this.#dirtyCount > 0) this.#sets.refresh();
    for (const { subject, removed, added } of changes) {
      for (const slot of removed) subject.removeSlot(slot);
      for (const slot of added) subject.addSlot(slot);
    }
    this.#judge((subject) => !this.#newSubjects.has(subject));
    const changed = this.#step(
      'policies',
      new Set(changes.filter((change) => change.enforced).map(({ subject }) => subject)),
    );

    // Networks that no policy tells from the larger one any more.
    this.#forget(changes, replaced, released);
    this.#judge(() => true);
    const merged = this.#step('networks go');
    for (const subject of this.#newSubjects) subject.isNew = false;
    this.#newSubjects.clear();
    this.#identities.settle();
    return { revision: this.#revision, steps: [split, changed, merged].filter((step) => step !== undefined) };
  }

  #subject(kind: 'endpoint' | 'host', labels: Labels, namedPorts: readonly NamedPort[]): SubjectPolicy {
    const key = subjectKey(kind, labels, namedPorts);
    let subject = this.#subjects.get(key);
    if (subject === undefined) {
      subject = new SubjectState({ id: ++this.#lastSubject, kind, labels, namedPorts }, this.#identities);
      this.#subjects.set(key, subject);
      this.#newSubjects.add(subject);
    }
    subject.users++;
    return subject;
  }

  #flushIdentities(): void {
    for (const [id, identity] of this.#newIdentities) {
      const old = this.#identities.get(id);
      if (equal(old?.labels, identity?.labels)) continue;
      if (identity === undefined) this.#remove(id);
      else if (old === undefined) this.#add(identity);
      else {
        this.#cache.deleteIdentity(old);
        this.#mark(old.at);
        this.#cache.addIdentity(this.#identities.replace(identity));
      }
    }
    this.#newIdentities.clear();
    for (const id of this.#newPorts) {
      const known = this.#identities.get(id);
      if (known === undefined) continue;
      for (const subject of this.#subjects.values()) subject.touch(known.at);
      this.#identities.setPortsAt(known.at, this.#ports.of(id));
    }
    this.#newPorts.clear();
  }

  /** Takes policies and subjects over. What each subject has to work on: keys of policies. */
  #flushPolicies(released: RuleRef[]): Map<SubjectState, Set<string>> {
    const rework = new Map<SubjectState, Set<string>>();
    if (this.#newMode) for (const subject of this.#subjects.values()) rework.set(subject, new Set());
    this.#newMode = false;
    for (const [key, object] of this.#newPolicies) {
      const old = this.#policies.get(key);
      if (old === undefined ? object === undefined : object !== undefined && says(old.object, object)) continue;
      this.#revision++;
      const held = object === undefined ? undefined : this.#hold(object);
      if (held === undefined) this.#policies.delete(key);
      else this.#policies.set(key, held);
      if (old !== undefined) released.push(...old.refs);
      for (const subject of this.#subjects.values()) {
        if (this.#newSubjects.has(subject) || !this.#assign(subject, key, held?.rules ?? [])) continue;
        const keys = rework.get(subject);
        if (keys === undefined) rework.set(subject, new Set([key]));
        else keys.add(key);
      }
    }
    this.#newPolicies.clear();
    for (const subject of this.#newSubjects) {
      for (const [key, { rules }] of this.#policies) this.#assign(subject, key, rules);
      rework.set(subject, new Set(subject.rules.keys()));
    }
    return rework;
  }

  #hold(object: PolicyObject): HeldPolicy {
    const policy = refOf(object);
    const refs: RuleRef[] = [];
    const rules = policyRules(object, this.#cluster, (path) => {
      const ref = this.#numbers.acquire(policy, path);
      refs.push(ref);
      return ref;
    });
    return { object, rules, refs };
  }

  /** Whether the policy selected the subject before, or does now. */
  #assign(subject: SubjectState, key: string, rules: readonly Rule[]): boolean {
    const selecting = rules.filter((rule) => selectsSubject(rule, subject));
    if (selecting.length === 0) return subject.rules.delete(key);
    subject.rules.set(key, selecting);
    return true;
  }

  #rework(subject: SubjectState, keys: Iterable<string>): SlotChange {
    return reworkSubject(subject, keys, this.#sets, {
      enforcement: this.#mode,
      allowLocalhost: this.#allowLocalhost,
    });
  }

  /** Asks the subjects anew about all places where something is different. */
  #judge(which: (subject: SubjectState) => boolean): void {
    if (this.#dirtyCount === 0) return;
    this.#sets.refresh();
    for (const subject of this.#subjects.values()) {
      if (!which(subject)) continue;
      if (this.#dirtyCount > 64) subject.judgeAll(this.#dirty);
      else this.#dirty.each((at) => subject.judge(at));
    }
    this.#dirty = new BitSet();
    this.#dirtyCount = 0;
  }

  /** What nobody uses any more. Last, so that what goes and comes back in one flush never went. */
  #forget(changes: readonly SlotChange[], replaced: readonly CachedSelector[], released: readonly RuleRef[]): void {
    for (const { removed } of changes) for (const { set } of removed) this.#sets.release(set);
    for (const subject of this.#goneSubjects)
      for (const slots of subject.slotsOf.values()) for (const { set } of slots) this.#sets.release(set);
    this.#goneSubjects.clear();
    for (const selector of replaced) this.#cache.release(selector);
    for (const ref of released) this.#numbers.release(ref);
  }

  /** All that changed since the last step; `enforced`: subjects of which that did. */
  #step(kind: ChangeStep['kind'], enforced: ReadonlySet<SubjectState> = new Set()): ChangeStep | undefined {
    const subjects: SubjectChange[] = [];
    for (const subject of this.#subjects.values()) {
      const isNew = kind === 'policies' && this.#newSubjects.has(subject);
      const change = subject.settle(isNew || enforced.has(subject), kind === 'policies');
      if (change !== undefined) subjects.push(change);
    }
    const added = this.#added.sort((a, b) => b.prefix.length - a.prefix.length);
    const removed = this.#removed.sort((a, b) => a.prefix.length - b.prefix.length);
    this.#added = [];
    this.#removed = [];
    if (subjects.length + added.length + removed.length === 0) return undefined;
    return { kind, subjects, prefixes: { added, removed } };
  }

  #network(change: 'acquire' | 'release', prefix: Prefix): void {
    if (change === 'release') {
      const identity = this.cidrs.release(prefix);
      if (identity === undefined) return;
      this.#removed.push(identity);
      if (prefix.length > 0) this.#remove(identity.id);
      return;
    }
    const { identity, created } = this.cidrs.acquire(prefix);
    if (!created) return;
    this.#added.push(identity);
    // All of a family has a reserved number, which is there anyway.
    if (prefix.length > 0) this.#add(identity);
  }

  #add(identity: Identity & { readonly prefix?: Prefix }): void {
    const known = this.#identities.add(identity);
    this.#identities.setPortsAt(known.at, this.#ports.of(known.id));
    this.#sets.addKnown(known.at);
    this.#cache.addIdentity(known);
    this.#mark(known.at);
  }

  #remove(id: number): void {
    const known = this.#identities.delete(id);
    if (known === undefined) return;
    this.#sets.deleteKnown(known.at);
    this.#cache.deleteIdentity(known);
    this.#mark(known.at);
  }

  #mark(at: number): void {
    if (this.#dirty.has(at)) return;
    this.#dirty.add(at);
    this.#dirtyCount++;
  }
}

function subjectKey(kind: string, labels: Labels, namedPorts: readonly NamedPort[]): string {
  return `${kind}\n${labelsKey(labels)}\n\n${namedPorts.map(formatPort).sort().join()}`;
}

/** Whether two versions of a policy say the same: their metadata is not asked. */
function says(a: PolicyObject, b: PolicyObject): boolean {
  return equal('spec' in a ? a.spec : a.rules, 'spec' in b ? b.spec : b.rules);
}
