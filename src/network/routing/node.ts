/** How packets go from node to node: by the routes of the network they share, or encapsulated. */
export type Routing = 'direct' | 'vxlan';

/** A node of the cluster, as others must know it to send it packets: what its CiliumNode says. */
export interface ClusterNode {
  readonly name: string;
  readonly isLocal: boolean;
  /** Every address that the node itself has: `InternalIP`, `ExternalIP` and `CiliumInternalIP`. As `formatIp` writes them. */
  readonly addresses: readonly string[];
  /** Where it is reached by its neighbours, by family: the first `InternalIP`, else the first `ExternalIP`. */
  readonly ipv4?: string;
  readonly ipv6?: string;
  /** Canonical. */
  readonly podCidrs: readonly string[];
}
