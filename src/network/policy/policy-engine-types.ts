import type { CiliumClusterwideNetworkPolicy, CiliumNetworkPolicy, NetworkPolicy } from '../../api/index.ts';
import type { CidrIdentity } from '../identity/index.ts';
import type { SubjectChange } from './subject-policy.ts';

export type PolicyObject = NetworkPolicy | CiliumNetworkPolicy | CiliumClusterwideNetworkPolicy;

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
