import type { Netlink } from '../datapath/index.ts';
import { bitsOf } from '../lib/ip-address.ts';
import type { PodInterface } from './pod-interface.ts';

/** RT_SCOPE_LINK, which IPv4 routes are told apart by. */
const linkScope = 253;

/**
 * Takes back what `setUpNode` and `answerForGateway` made of an interface that stays, because it is somebody else's. What is gone already is
 * no error.
 */
export function clearNode(
  node: Netlink,
  { addresses, hostIndex: link }: PodInterface,
  gateway: string | undefined,
): void {
  if (node.links.find(link) === undefined) return;
  if (gateway !== undefined) node.neighbours.remove({ address: gateway, link, isProxy: true });
  for (const address of addresses) {
    const family = address.includes(':') ? 6 : 4;
    const destination = `${address}/${bitsOf(family)}`;
    node.routes.remove({ destination, link, ...(family === 4 ? { scope: linkScope } : {}) });
    node.neighbours.remove({ address, link });
  }
}
