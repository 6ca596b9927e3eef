import type { IpFamily } from '../../lib/ip-address.ts';
import type { NodeAddresses } from './node-addresses.ts';

/** A route of type `unreachable` (rtnetlink's RTN_UNREACHABLE) in the main table. */
export interface UnreachableRoute {
  readonly family: IpFamily;
  /** `10.0.1.0/24` */
  readonly prefix: string;
  readonly metric: number;
}

/** The worst that there is: whoever has a route of his own for the same prefix is not bothered. */
const metric = 0xffff_ffff;

/**
 * What answers for addresses that no Pod of this node has (any more): "host unreachable" at once, in place of silence. One route
 * for each Pod CIDR says it for all of them: a Pod's own route is longer and wins, and once that is removed with the Pod, this
 * one is already there. So nothing is kept of Pods that are gone, and a crash in between leaves no hole. It also ends the loop
 * of such packets between this node and its router.
 *
 * CIDRs that are given back are left out: their addresses may be on another node any moment.
 */
export function unreachableRoutes(node: Pick<NodeAddresses, 'openCidrs'>): UnreachableRoute[] {
  return node.openCidrs().map(({ family, text }) => ({ family, prefix: text, metric }));
}
