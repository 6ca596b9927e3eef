/**
 * Addresses for Pods: a node's addresses out of its Pod CIDRs, and nodes' Pod CIDRs out of the cluster's pools. The agent
 * owns the first of these and puts it on disk (`src/agent/ipam`), the operator the second. No I/O and no clock.
 */
export { type ClusterPoolOptions, ClusterPools, type ClusterPoolsOptions, defaultMaskSizes } from './cluster-pools.ts';
export { NodeAddresses, type NodeAddressesOptions, type PodCidrsOfNode } from './node-addresses.ts';
export { type PodCidr, podCidrOf } from './pod-cidr.ts';
export { defaultThresholds, type Thresholds } from './pod-cidr-demand.ts';
export { heldBy, lackingFamilies, type NodePodCidrs, type PodCidrPlan, planPodCidrs } from './pod-cidr-plan.ts';
export { parseEntry, type RecordEntry } from './record-entry.ts';
export {
  type AddressUse,
  type AllocateOptions,
  type Allocation,
  type ClaimOptions,
  type Ipam,
  type IpamDump,
  type IpamMode,
  ipamModes,
  type PodCidrUse,
} from './types.ts';
export { type UnreachableRoute, unreachableRoutes } from './unreachable-routes.ts';
