import { type Netlink, setNetSysctl } from '../datapath/index.ts';
import type { PodInterface } from './pod-interface.ts';

/**
 * Containers of others ask on their link for the node's own address, by which they have their routes. Linux answers so for any IPv4 address of the
 * node, but for IPv6 ones of the link alone: this one is answered for, and at once. It goes with the interface.
 */
export function answerForGateway(
  node: Netlink,
  { hostInterface, hostIndex: link }: PodInterface,
  address: string,
): void {
  setNetSysctl(`ipv6/conf/${hostInterface}/proxy_ndp`, '1');
  // By default an answer for others waits up to 0.8 s, so that these may answer first.
  setNetSysctl(`ipv6/neigh/${hostInterface}/proxy_delay`, '0');
  node.neighbours.replace({ address, link, isProxy: true });
}
