import type { ClusterPoolsOptions, IpamMode } from '../../network/ipam/index.ts';
import type { EnforcementMode } from '../../network/policy/index.ts';
import type { Routing } from '../../network/routing/index.ts';

/** Everything that the datapath of one node can be told. */
export interface DatapathOptions {
  /** The Node that this is. */
  readonly node: string;
  /** Name of the cluster: a part of every pod's identity. */
  readonly cluster: string;
  /** Of runtime files: records of endpoints and addresses. */
  readonly stateDir: string;
  /** In a BPF file system; what is pinned there outlives the agent. */
  readonly bpffs: string;
  /** Where the CNI plugin finds us. */
  readonly cniSocket: string;
  /** Where the node's container runtime reads CNI configurations; absent: somebody else writes ours. */
  readonly cniConfDir?: string;
  /** Name of another plugin's network whose pods are attached to. */
  readonly cniChainingTarget?: string;
  /** Where the Cilium agent's REST API is served besides the agent's own socket: where tools that were made for it look. */
  readonly apiSocket?: string;
  readonly routing: Routing;
  /** UDP. */
  readonly tunnelPort: number;
  /** Names of the devices towards other nodes; empty: those with a default route or the node's addresses. */
  readonly devices: readonly string[];
  /** Bytes; 0: as the devices have it. */
  readonly mtu: number;
  readonly families: { readonly ipv4: boolean; readonly ipv6: boolean };
  readonly ipam: IpamMode;
  /** `sluice run`, where there is no operator: what Pod CIDRs are taken from, unless Kubernetes gives them out. */
  readonly pools?: ClusterPoolsOptions;
  /** Addresses of the node's Pod CIDRs that no pod has are answered with an ICMP error, in place of silence. */
  readonly unreachableRoutes: boolean;
  readonly enforcement: EnforcementMode;
  /** What policies would drop is let through and told. */
  readonly audit: boolean;
  /** Whether the node itself always reaches its pods (`auto` and `always`), or as policies say (`policy`). */
  readonly allowLocalhost: boolean;
  readonly hostFirewall: boolean;
  /** Deliver past the stack where it can be done. */
  readonly fastPath: boolean;
  /** Which labels make identities: see `LabelFilter`. */
  readonly labels: string;
  /** Most entries, by name of the map; those not named are as built. */
  readonly mapSizes: Readonly<Record<string, number>>;
  /** ms between two looks for what somebody else changed in the kernel; 0: only at the start. */
  readonly checkInterval: number;
  /** Which events the programs make; traces `followed`: while somebody reads them as they come. */
  readonly events: {
    readonly verdicts: boolean;
    readonly traces: 'followed' | 'always' | 'never';
    readonly interval: number;
  };
  /** `sluice run`: a folder in which nodes leave what they would write to an API server; absent: nobody else reads it. */
  readonly publishDir?: string;
}
