import type {
  CiliumClusterwideNetworkPolicy,
  CiliumNetworkPolicy,
  LocalPolicy,
  NetworkPolicy,
} from '../../api/index.ts';
import type { CidrIdentity } from '../identity/index.ts';
import type { SubjectChange } from './subject-policy.ts';

export type PolicyObject = NetworkPolicy | CiliumNetworkPolicy | CiliumClusterwideNetworkPolicy | LocalPolicy;

/** `default`: a subject is open until a policy selects it; `always`: closed; `never`: open. */
export type EnforcementMode = 'default' | 'always' | 'never';

export interface EngineOptions {
  /** Of `io.cilium.k8s.policy.cluster`, which the entity `cluster` is about. */
  readonly cluster: string;
  readonly enforcement: EnforcementMode;
  /** Whether traffic of this node itself to its pods is allowed unless a policy denies it. */
  readonly allowLocalhost: boolean;
}

/**
 * Changes to write in this order: upserts of all subjects, prefixes that were added, prefixes that were removed, removals of all
 * subjects, then generations and enforcement. Lists are in their order, too.
 */
export interface ChangeStep {
  /**
   * `networks come`: and nodes that policies tell apart, with what others say of addresses of nodes. `policies`: in this one identities
   * of endpoints come and go as well, and whatever else is not a network.
   */
  readonly kind: 'networks come' | 'policies' | 'networks go';
  readonly subjects: readonly SubjectChange[];
  /** Networks whose addresses are an identity of their own from now on (the longest first), or no longer (the shortest first). */
  readonly prefixes: { readonly added: readonly CidrIdentity[]; readonly removed: readonly CidrIdentity[] };
}

/**
 * What a flush changed, in up to three steps, one to be written after the other: networks that policies now tell apart become
 * identities, with what they were allowed before; then policies change; then networks that nothing tells apart any more
 * are identities no longer. So at no moment does anything pass that neither the old policies nor the new ones let pass.
 */
export interface EngineChanges {
  /** Rises with each change of a policy. */
  readonly revision: number;
  readonly steps: readonly ChangeStep[];
}

/** One selector that is in use, for `policy selectors`. */
export interface SelectorInfo {
  readonly selector: string;
  readonly users: number;
  readonly identities: readonly number[];
}
