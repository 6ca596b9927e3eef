import type { PodCidrStatus } from '../../api/index.ts';
import type { IpFamily } from '../../lib/ip-address.ts';

/**
 * Where a node's Pod CIDRs come from: its Node object; its CiliumNode object, one per family given by the operator; or as
 * many of these as it needs, added and taken back by the operator.
 */
export type IpamMode = 'kubernetes' | 'cluster-pool' | 'cluster-pool-v2beta';
export const ipamModes: readonly IpamMode[] = ['kubernetes', 'cluster-pool', 'cluster-pool-v2beta'];

/** An owner's addresses, in the text form of RFC 5952. */
export interface Allocation {
  readonly owner: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
}

export interface AllocateOptions {
  /** What people are shown in place of the owner: `default/web-0`. */
  readonly description?: string;
  /** ms since the epoch: kept with the addresses, for who gave them out. Nothing ends by itself. */
  readonly expires?: number;
  /** Ends a wait for Pod CIDRs. */
  readonly signal?: AbortSignal;
}

export interface ClaimOptions {
  /** As in `AllocateOptions`. */
  readonly description?: string;
  /**
   * It is in use already, by an endpoint of a process before this one: it is kept also where it stands in none of the node's
   * Pod CIDRs (any more), or is reserved there.
   */
  readonly restored?: boolean;
}

/**
 * Addresses for what runs on this node.
 *
 * An owner is one attachment: `CONTAINER-ID/IFNAME`. Not the Pod's name: the kubelet calls DEL for a dead sandbox again and
 * again, also while the next sandbox of the same Pod is alive. `router`, `health` and `ingress` are the node's own.
 *
 * What has been returned is in the record on disk: no kill gives the address to anybody else. Addresses come back last that
 * were released last, so that what is still known of the old Pod elsewhere hits nobody.
 */
export interface Ipam {
  /**
   * One address of each family, or none at all. An owner that has them already gets the same again. Waits for a while where
   * there are no Pod CIDRs yet, or all are full and the operator may add one.
   * @throws Fault IPAM_EXHAUSTED, IPAM_FAMILY_DISABLED, IPAM_RECORD (the disk refuses)
   */
  allocate(owner: string, families: readonly IpFamily[], options?: AllocateOptions): Promise<Allocation>;
  /**
   * This very address. Nothing happens where the owner has it already; it may have several of one family then.
   * @throws Fault IPAM_IN_USE, IPAM_INVALID (no address), IPAM_OUT_OF_RANGE (of the Pod CIDRs, or reserved), IPAM_FAMILY_DISABLED,
   * IPAM_RECORD
   */
  claim(address: string, owner: string, options?: ClaimOptions): void;
  /**
   * All addresses of an owner, once its interface is gone, or one of them alone. Returns them; none for an owner that is not known.
   * @throws Fault IPAM_RECORD: then they are still the owner's
   */
  release(owner: string, address?: string): readonly string[];
  /**
   * This very address is another owner's from now on, without being anybody else's in between.
   * @throws Fault IPAM_RECORD: then it is still the old one's
   */
  handOver(address: string, owner: string, options?: Omit<AllocateOptions, 'signal'>): void;
  /** Who has an address, if anybody. */
  ownerOf(address: string): string | undefined;
  allocationOf(owner: string): Allocation | undefined;
  /**
   * Call it once after a restart, when the endpoints that live on are known, and what is left of the others has been removed:
   * everybody else's addresses are released. Returns these.
   */
  restored(owners: Iterable<string>): readonly string[];
  dump(): IpamDump;
}

/** For the API and for people. */
export interface IpamDump {
  readonly mode: IpamMode;
  readonly families: readonly IpFamily[];
  readonly podCidrs: readonly PodCidrUse[];
  /** By family, IPv4 first, then by number. */
  readonly allocations: readonly AddressUse[];
}

export interface AddressUse {
  readonly address: string;
  readonly family: IpFamily;
  readonly owner: string;
  /** The owner where nothing better was said. */
  readonly description: string;
  readonly expires?: number;
}

export interface PodCidrUse {
  readonly cidr: string;
  readonly family: IpFamily;
  readonly status: PodCidrStatus;
  /** It is given out of: neither given back nor taken away. */
  readonly isOpen: boolean;
  /** Addresses that can be given out, without reserved ones. */
  readonly total: bigint;
  /** Of these, given out. */
  readonly used: bigint;
}
