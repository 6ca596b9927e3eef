/** `networking.k8s.io/v1` NetworkPolicy, with the API server's defaults filled in. */
import type { LabelSelector, Protocol } from './core.ts';
import type { KubeObject } from './object.ts';

export type NetworkPolicyPeer =
  /** Pods of the policy's own namespace where `namespaceSelector` is absent; all pods of the namespaces where `podSelector` is. */
  | { readonly podSelector?: LabelSelector; readonly namespaceSelector?: LabelSelector }
  /** Canonical; `except` lies within `cidr`. */
  | { readonly ipBlock: { readonly cidr: string; readonly except: readonly string[] } };

export interface NetworkPolicyPort {
  readonly protocol: Protocol;
  /** A number, or the name of a container's port; absent: all ports of the protocol. */
  readonly port?: number | string;
  /** The last one of a range that begins with the number `port`. */
  readonly endPort?: number;
}

export interface NetworkPolicyRule {
  /** `from` or `to`; empty: everybody, as the API has it. */
  readonly peers: readonly NetworkPolicyPeer[];
  /** Empty: all ports of all protocols. */
  readonly ports: readonly NetworkPolicyPort[];
}

export interface NetworkPolicy extends KubeObject {
  readonly kind: 'NetworkPolicy';
  readonly spec: {
    readonly podSelector: LabelSelector;
    /** Directions in which the pods are isolated. Unset in the object: Ingress, and Egress where there are egress rules. */
    readonly policyTypes: readonly ('Ingress' | 'Egress')[];
    readonly ingress: readonly NetworkPolicyRule[];
    readonly egress: readonly NetworkPolicyRule[];
  };
}
