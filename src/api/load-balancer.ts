/** `cilium.io`: pools of addresses for Services of type LoadBalancer. One shape for all versions of the CRDs. */
import type { LabelSelector } from './core.ts';
import type { KubeObject } from './object.ts';

/** A network, or a range with both ends included. */
export type AddressBlock = { readonly cidr: string } | { readonly start: string; readonly stop: string };

export interface CiliumLoadBalancerIPPool extends KubeObject {
  readonly kind: 'CiliumLoadBalancerIPPool';
  readonly spec: {
    /** With `cidrs` of Cilium 1.13. */
    readonly blocks: readonly AddressBlock[];
    /** Labels of Services; also `io.kubernetes.service.namespace` and `io.kubernetes.service.name`. Absent: every Service. */
    readonly serviceSelector?: LabelSelector;
    /** Nothing new is given out; what was given stays. */
    readonly disabled: boolean;
    /** Whether the first and the last address of a network may be given out. */
    readonly allowFirstLastIPs: boolean;
  };
}

/** The pool of Cilium 1.12. */
export interface CiliumBGPLoadBalancerIPPool extends KubeObject {
  readonly kind: 'CiliumBGPLoadBalancerIPPool';
  readonly spec: {
    readonly prefix: string;
    /** For Services that no other pool has an address for. */
    readonly default: boolean;
    readonly lbSelector?: LabelSelector;
    /** Which nodes announce it. */
    readonly nodeSelector?: LabelSelector;
  };
}
