import type { Attachment } from './request.ts';

/** What is to be made for one attachment. */
export interface PodInterfaceSpec extends Attachment {
  /** At most one of each family, without prefix lengths. */
  readonly addresses: readonly string[];
  /** Bytes. */
  readonly mtu: number;
  /** Shown by `ip link` for the node's end: `namespace/name`. */
  readonly alias?: string;
}

/** The veth of one attachment, as it is in the kernel. */
export interface PodInterface extends Attachment {
  readonly hostInterface: string;
  readonly hostIndex: number;
  readonly hostMac: string;
  /** Index in the pod's network namespace. */
  readonly podIndex: number;
  readonly podMac: string;
  readonly mtu: number;
  readonly addresses: readonly string[];
}

/**
 * The pod's way out, the same in every pod: an address that nobody has, with a permanent neighbour entry for the node's end of
 * the veth. No ARP and no neighbour discovery is needed, so programs need not answer any.
 */
export const podGateway = { 4: '169.254.1.1', 6: 'fe80::1' } as const;
export const everything = { 4: '0.0.0.0/0', 6: '::/0' } as const;
