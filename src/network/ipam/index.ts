/**
 * Addresses for Pods: a node's addresses out of its Pod CIDRs, and nodes' Pod CIDRs out of the cluster's pools. The agent
 * owns the first of these and puts it on disk (`src/agent/ipam`), the operator the second. No I/O and no clock.
 */
export {
  type AddressUse,
  type AllocateOptions,
  type Allocation,
  type ClaimOptions,
  type Ipam,
  type IpamDump,
  type IpamMode,
  ipamModes,
  type PodCidrStatus,
  type PodCidrUse,
} from './types.ts';
