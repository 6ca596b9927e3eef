import { type ObjectRef, refKey, refOf } from '../../api/index.ts';
import { equal } from '../../lib/equal.ts';
import {
  CidrIdentities,
  type Identity,
  type Labels,
  labelsKey,
  reservedIdentities,
  scopeOf,
} from '../identity/index.ts';
import type { World } from './evaluate.ts';
import { HeldPolicies } from './held-policies.ts';
import { KnownPeers } from './known-peers.ts';
import { NamedPrefixes } from './named-prefixes.ts';
import { NodeLabelKeys } from './node-label-keys.ts';
import { PeerPorts } from './peer-ports.ts';
import type {
  ChangeStep,
  EnforcementMode,
  EngineChanges,
  EngineOptions,
  PolicyObject,
  SelectorInfo,
} from './policy-engine-types.ts';
import type { Rule } from './rule.ts';
import type { RuleRef } from './rule-ref.ts';
import { type PolicyService, Services } from './services.ts';
import type { NamedPort, SubjectChange, SubjectPolicy } from './subject-policy.ts';
import { selectsSubject } from './subject-rules.ts';
import { reworkSubject } from './subject-slots.ts';
import type { SubjectState } from './subject-state.ts';
import { Subjects } from './subjects.ts';
import { type TraceQuery, type TraceStep, tracePolicy } from './trace.ts';

/**
 * From policies, identities, named ports and Services to the entries of policy maps, incrementally. Everything written between two
 * flushes is one change. Order of arrival does not matter: the entries are a function of what is there.
 */
export class PolicyEngine {
  /** Of networks that policies name. Numbers of a former process are restored here, before the first flush. */
  readonly cidrs: CidrIdentities;
  /** Labels of nodes that selectors name: whoever makes identities of nodes makes them of these. */
  readonly nodeLabelKeys = new NodeLabelKeys();
  readonly #allowLocalhost: boolean;
  #mode: EnforcementMode;
  readonly #policies: HeldPolicies;
  readonly #prefixes = new NamedPrefixes();
  readonly #services = new Services();
  readonly #ports = new PeerPorts();
  readonly #peers: KnownPeers;
  readonly #subjects: Subjects;

  /** What was written since the last flush. Undefined: deleted. */
  readonly #newPolicies = new Map<string, PolicyObject | undefined>();
  readonly #newIdentities = new Map<number, Identity | undefined>();
  readonly #newPorts = new Set<number>();
  readonly #newSources = new Set<string>();
  #newMode = false;

  constructor(options: EngineOptions, cidrs = new CidrIdentities()) {
    this.cidrs = cidrs;
    this.#allowLocalhost = options.allowLocalhost;
    this.#mode = options.enforcement;
    this.#policies = new HeldPolicies(options.cluster);
    this.#peers = new KnownPeers(cidrs, this.#ports, { prefixes: this.#prefixes, services: this.#services });
    this.#subjects = new Subjects(this.#peers.identities);
    for (const identity of reservedIdentities) this.#peers.add(identity);
  }

  /** Replaces what the object said before. */
  setPolicy(policy: PolicyObject): void {
    const key = refKey(refOf(policy));
    this.#newPolicies.set(key, policy);
    this.nodeLabelKeys.set(key, policy);
  }
  deletePolicy(ref: ObjectRef): void {
    this.#newPolicies.set(refKey(ref), undefined);
    this.nodeLabelKeys.set(refKey(ref), undefined);
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

  /**
   * Networks of a CiliumCIDRGroup (`cidrGroupSet`), addresses of names that `toFQDNs` has (`fqdnSet`) or of the API server
   * (`KUBE_APISERVER_SET`). Empty: none.
   */
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
    return this.#subjects.acquire('endpoint', labels, namedPorts);
  }
  /** The node itself, for host policies. `labels` are the Node's, with source `k8s`, and `reserved:host`. */
  hostSubject(labels: Labels): SubjectPolicy {
    return this.#subjects.acquire('host', labels, []);
  }
  release(subject: SubjectPolicy): void {
    this.#subjects.release(subject);
  }

  subjects(): Iterable<SubjectPolicy> {
    return this.#subjects.values();
  }
  identity(id: number): Identity | undefined {
    return this.#peers.identities.get(id);
  }
  identities(): Iterable<Identity> {
    return this.#peers.identities.values();
  }
  /** What a number in an entry, a connection or an event stands for; also of rules that are gone, for a while. */
  rule(number: number): RuleRef | undefined {
    return this.#policies.numbers.get(number);
  }
  *selectors(): Generator<SelectorInfo> {
    const { cache, identities } = this.#peers;
    for (const { key, users, members } of cache.values()) {
      const ids: number[] = [];
      members.each((at) => ids.push(identities.idAt(at)));
      yield { selector: key, users, identities: ids.sort((a, b) => a - b) };
    }
  }

  /** What the policies of the last flush are, for `evaluate` and {@link tracePolicy}: these ask each rule. */
  world(): World {
    return {
      rules: Array.from(this.#policies.entries(), ([, rules]) => rules).flat(),
      enforcement: this.#mode,
      allowLocalhost: this.#allowLocalhost,
      prefixes: this.#prefixes,
      services: this.#services,
    };
  }
  /** Named ports of the pods with these labels, on all nodes. */
  portsOf(labels: Labels): readonly NamedPort[] {
    const key = labelsKey(labels);
    for (const { id, labels: of } of this.identities()) if (labelsKey(of) === key) return this.#ports.of(id);
    return [];
  }
  /** `policy trace`: for each port what the sender's and the receiver's policy say, and which rule decides. */
  trace(query: TraceQuery): TraceStep[] {
    return tracePolicy({ namedPorts: this.portsOf(query.to), ...query }, this.world());
  }

  /** Brings everything up to date. */
  flush(): EngineChanges {
    // A flush leaves nothing to the next one, which is asked for before each part of a check of the maps.
    if (!this.#isPending) return { revision: this.#policies.revision, steps: [] };
    const { sets, cache, identities } = this.#peers;
    const options = { enforcement: this.#mode, allowLocalhost: this.#allowLocalhost };
    const changes = Array.from(this.#flushPolicies(), ([one, keys]) => reworkSubject(one, keys, sets, options));
    const resolved = sets.resolveAgain(this.#newSources);
    this.#newSources.clear();
    this.#addNodes();
    // Old policies, new networks and nodes: each has what the larger one has that it is taken from.
    this.#judge(this.#subjects.old());
    const come = this.#step('networks come');

    this.#flushIdentities();
    const replaced = sets.use(resolved, (at) => this.#peers.mark(at));
    const marked = this.#peers.takeMarked();
    for (const { subject, removed, added } of changes) {
      for (const slot of removed) subject.removeSlot(slot);
      for (const slot of added) subject.addSlot(slot);
    }
    if (marked !== undefined) for (const subject of this.#subjects.old()) subject.judge(marked);
    const enforced = changes.filter((change) => change.enforced).map(({ subject }) => subject);
    const changed = this.#step('policies', new Set(enforced));

    // What nobody uses any more. Last, so that what goes and comes back in one flush never went.
    for (const { removed } of changes) for (const { set } of removed) sets.release(set);
    for (const { slotsOf } of this.#subjects.takeGone())
      for (const slots of slotsOf.values()) for (const { set } of slots) sets.release(set);
    for (const selector of replaced) cache.release(selector);
    this.#policies.settle();
    this.#judge(this.#subjects.values());
    const go = this.#step('networks go');
    this.#subjects.settle();
    identities.settle();
    return { revision: this.#policies.revision, steps: [come, changed, go].filter((step) => step !== undefined) };
  }

  get #isPending(): boolean {
    const written = [this.#newPolicies, this.#newIdentities, this.#newPorts, this.#newSources];
    return this.#newMode || this.#subjects.isPending || this.#peers.isPending || written.some(({ size }) => size > 0);
  }

  /** Takes policies and subjects over. What each subject has to work on: keys of policies. */
  #flushPolicies(): Map<SubjectState, Set<string>> {
    const rework = new Map<SubjectState, Set<string>>();
    if (this.#newMode) for (const subject of this.#subjects.values()) rework.set(subject, new Set());
    this.#newMode = false;
    for (const [key, object] of this.#newPolicies) {
      const rules = this.#policies.set(key, object);
      if (rules === undefined) continue;
      for (const subject of this.#subjects.old()) {
        if (!assign(subject, key, rules)) continue;
        const keys = rework.get(subject);
        if (keys === undefined) rework.set(subject, new Set([key]));
        else keys.add(key);
      }
    }
    this.#newPolicies.clear();
    for (const subject of this.#subjects.new()) {
      for (const [key, rules] of this.#policies.entries()) assign(subject, key, rules);
      rework.set(subject, new Set(subject.rules.keys()));
    }
    return rework;
  }

  /** Nodes that new policies tell apart; old ones do not. */
  #addNodes(): void {
    for (const [id, identity] of this.#newIdentities)
      if (identity !== undefined && scopeOf(id) === 'remote-node' && this.#peers.identities.get(id) === undefined)
        this.#peers.add(identity);
  }

  #flushIdentities(): void {
    const { identities } = this.#peers;
    for (const [id, identity] of this.#newIdentities) {
      const old = identities.get(id);
      if (equal(old?.labels, identity?.labels)) continue;
      if (identity === undefined) this.#peers.delete(id);
      else if (old === undefined) this.#peers.add(identity);
      else this.#peers.replace(identity);
    }
    this.#newIdentities.clear();
    for (const id of this.#newPorts) {
      const known = identities.get(id);
      if (known === undefined) continue;
      for (const subject of this.#subjects.values()) subject.touch(known.at);
      identities.setPortsAt(known.at, this.#ports.of(id));
    }
    this.#newPorts.clear();
  }

  /** Asks subjects anew about everybody about whom something is different. */
  #judge(subjects: Iterable<SubjectState>): void {
    const places = this.#peers.takeMarked();
    if (places !== undefined) for (const subject of subjects) subject.judge(places);
  }

  /** All that changed since the last step; `enforced`: subjects of which that did. */
  #step(kind: ChangeStep['kind'], enforced: ReadonlySet<SubjectState> = new Set()): ChangeStep | undefined {
    const subjects: SubjectChange[] = [];
    for (const subject of this.#subjects.values()) {
      const isNew = kind === 'policies' && subject.isNew;
      const change = subject.settle(isNew || enforced.has(subject), kind === 'policies');
      if (change !== undefined) subjects.push(change);
    }
    const prefixes = this.#peers.takeNetworks();
    if (subjects.length + prefixes.added.length + prefixes.removed.length === 0) return undefined;
    return { kind, subjects, prefixes };
  }
}

/** Whether the policy selected the subject before, or does now. */
function assign(subject: SubjectState, key: string, rules: readonly Rule[]): boolean {
  const selecting = rules.filter((rule) => selectsSubject(rule, subject));
  if (selecting.length === 0) return subject.rules.delete(key);
  subject.rules.set(key, selecting);
  return true;
}
