import type { Netlink } from '../datapath/index.ts';
import { bitsOf, type IpFamily } from '../lib/ip-address.ts';
import { setUpNode } from './make-pod-interface.ts';
import type { PodInterface } from './pod-interface.ts';

/**
 * Makes the node's side of pods' interfaces again where somebody changed it: up, and a route and a permanent neighbour for each
 * address. What the kernel has is read once for all. Interfaces that are gone are left alone, as CHECK says it.
 * @returns how many were not as `makePodInterface` left them
 * @throws Fault where the kernel cannot be asked, or refuses
 */
export function mendNodeSides(node: Netlink, all: readonly PodInterface[]): number {
  if (all.length === 0) return 0;
  const links = new Map(node.links.list().map((link) => [link.index, link]));
  const there = new Set([
    ...node.routes.list().map(({ link, destination }) => `${link} ${destination}`),
    ...node.neighbours.list().map(({ link, address, mac }) => `${link} ${address} ${mac}`),
  ]);
  let mended = 0;
  for (const made of all) {
    const { hostIndex, hostInterface, podMac, addresses } = made;
    const host = links.get(hostIndex);
    if (host?.name !== hostInterface) continue;
    const isWhole = addresses.every(
      (address) =>
        there.has(`${hostIndex} ${address}/${bitsOf(familyOf(address))}`) &&
        there.has(`${hostIndex} ${address} ${podMac}`),
    );
    if (host.isUp && isWhole) continue;
    setUpNode(node, made);
    mended++;
  }
  return mended;
}

const familyOf = (address: string): IpFamily => (address.includes(':') ? 6 : 4);
