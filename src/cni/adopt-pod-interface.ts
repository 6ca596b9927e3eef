import type { Netlink, NetworkNamespace } from '../datapath/index.ts';
import { CniError, cniCode } from './cni-error.ts';
import type { PodInterface } from './pod-interface.ts';
import type { Attachment } from './request.ts';
import type { CniResult } from './result.ts';

/**
 * Chaining: the interface that the plugin before us has made for the pod. Nothing about it is changed; its addresses are
 * those of the plugin's result, or of the kernel where the result has none.
 * @param node the node's routing
 * @throws CniError `badConfig` where there is no such interface, or none with an end on the node to attach programs to; Fault
 */
export function adoptPodInterface(
  node: Netlink,
  door: NetworkNamespace,
  { containerId, ifname }: Attachment,
  prevResult: CniResult,
): PodInterface {
  const pod = door.netlink();
  try {
    const inPod = pod.links.find(ifname);
    if (inPod === undefined) throw refused(ifname, 'the plugin before sluice-cni in the chain has not made it');
    const { peer, kind, mac } = inPod;
    const host = kind === 'veth' && peer !== undefined && mac !== undefined ? node.links.find(peer) : undefined;
    // Indexes count in each namespace for itself: only what points back is the other end.
    if (host?.kind !== 'veth' || host.peer !== inPod.index || host.mac === undefined || mac === undefined)
      throw refused(ifname, `it is ${kind ?? 'a device'} without an end on the node; chaining needs a veth`);
    const addresses = addressesOf(prevResult, ifname, door.path);
    return {
      ...{ containerId, ifname, hostInterface: host.name, hostIndex: host.index, hostMac: host.mac },
      ...{ podIndex: inPod.index, podMac: mac, mtu: inPod.mtu },
      addresses: addresses.length > 0 ? addresses : inKernel(pod, inPod.index),
    };
  } finally {
    pod.close();
  }
}

/** Of the interface itself, and those that belong to none. */
function addressesOf({ interfaces, ips }: CniResult, ifname: string, netns: string): string[] {
  const isIts = (index: number | undefined) => {
    if (index === undefined) return true;
    const one = interfaces[index];
    return one?.name === ifname && (one.sandbox === undefined || one.sandbox === netns);
  };
  return ips.filter((ip) => isIts(ip.interface)).map(({ address }) => address.replace(/\/.*$/, ''));
}

function inKernel(pod: Netlink, link: number): string[] {
  return pod.addresses
    .list()
    .filter((one) => one.link === link && one.scope === 0)
    .map(({ address }) => address);
}

function refused(ifname: string, reason: string): CniError {
  return new CniError(cniCode.badConfig, `cannot chain to interface ${ifname}: ${reason}`);
}
