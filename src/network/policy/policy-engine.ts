import type { CiliumClusterwideNetworkPolicy, CiliumNetworkPolicy, NetworkPolicy, ObjectRef } from '../../api/index.ts';
import type { CidrIdentity, Identity, Labels } from '../identity/index.ts';
import type { RuleRef } from './rule-ref.ts';
import type { NamedPort, SubjectChange, SubjectPolicy } from './subject-policy.ts';

export type PolicyObject = NetworkPolicy | CiliumNetworkPolicy | CiliumClusterwideNetworkPolicy;
export type EnforcementMode = 'default' | 'always' | 'never';

export interface EngineOptions {
  /** Of `io.cilium.k8s.policy.cluster`, which the entity `cluster` is about. */
  readonly cluster: string;
  readonly enforcement: EnforcementMode;
  /** Whether traffic of this node itself to its pods is allowed unless a policy denies it. */
  readonly allowLocalhost: boolean;
}

/** A Service as `toServices` sees it. */
export interface PolicyService {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Absent: its endpoints are `addresses`. */
  readonly selector?: Readonly<Record<string, string>>;
  /** Of its EndpointSlices; read where there is no selector. */
  readonly addresses: readonly string[];
}

/**
 * What a flush changed. To let nothing through that no policy allows, and to drop nothing that one does, apply in this order: upserts
 * of all subjects; `prefixes.added` (in the order given: the longest first) and `prefixes.removed` (the shortest first);
 * removals of all subjects; then generations and enforcement.
 */
export interface EngineChanges {
  /** Rises with each change of a policy. */
  readonly revision: number;
  readonly subjects: readonly SubjectChange[];
  /** Networks whose addresses are an identity of their own from now on, or no longer. */
  readonly prefixes: { readonly added: readonly CidrIdentity[]; readonly removed: readonly CidrIdentity[] };
}

/** One selector that is in use, for `policy selectors`. */
export interface SelectorInfo {
  readonly selector: string;
  readonly users: number;
  readonly identities: readonly number[];
}

/**
 * From policies, identities, named ports and Services to the entries of policy maps, incrementally. Everything written between two
 * flushes is one change. Order of arrival does not matter: the entries are a function of what is there.
 */
export interface PolicyEngine {
  /** Replaces what the object said before. */
  setPolicy(policy: PolicyObject): void;
  deletePolicy(ref: ObjectRef): void;
  /** Identities of endpoints, of this cluster and others. Reserved ones and those of networks are there by themselves. */
  setIdentity(identity: Identity): void;
  deleteIdentity(id: number): void;
  /** Ports of one pod anywhere, for egress rules that name ports. `pod` is `namespace/name`. */
  setPeerPorts(pod: string, identity: number, ports: readonly NamedPort[]): void;
  deletePeerPorts(pod: string): void;
  /** By `namespace/name`. */
  setService(key: string, service: PolicyService): void;
  deleteService(key: string): void;
  /** Networks of a CiliumCIDRGroup, or addresses of names that `toFQDNs` has: see `prefixSetOf...` in `rule.ts`. Empty: none. */
  setPrefixSet(name: string, prefixes: readonly string[]): void;
  setEnforcement(mode: EnforcementMode): void;

  /** Counted: each call needs a {@link release}. Its entries are there after the next flush. */
  subject(labels: Labels, namedPorts: readonly NamedPort[]): SubjectPolicy;
  /** The node itself, for host policies. `labels` are the Node's, with source `k8s`, and `reserved:host`. */
  hostSubject(labels: Labels): SubjectPolicy;
  release(subject: SubjectPolicy): void;

  flush(): EngineChanges;

  /** What a number in an entry, a connection or an event stands for; also of rules that are gone, for a while. */
  rule(number: number): RuleRef | undefined;

  subjects(): Iterable<SubjectPolicy>;
  selectors(): Iterable<SelectorInfo>;
  identity(id: number): Identity | undefined;
  identities(): Iterable<Identity>;
}
