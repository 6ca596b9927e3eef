import type { Netlink, NetworkNamespace } from '../datapath/index.ts';
import { bitsOf, type IpFamily } from '../lib/ip-address.ts';
import { everything, type PodInterface, podGateway } from './pod-interface.ts';

/**
 * What is no longer as `makePodInterface` left it, one sentence each; nothing where all is well. Nothing is changed.
 * @param node the node's routing
 * @throws Fault where the kernel cannot be asked
 */
export function checkPodInterface(node: Netlink, door: NetworkNamespace, made: PodInterface): string[] {
  const pod = door.netlink();
  try {
    const loopback = pod.links.find('lo');
    return [...checkPod(pod, made), ...(loopback?.isUp ? [] : ['lo is down in the pod']), ...checkNode(node, made)];
  } finally {
    pod.close();
  }
}

/** Of an interface that is another plugin's: only that it is still there, up, with its addresses. */
export function checkAdoptedInterface(node: Netlink, door: NetworkNamespace, adopted: PodInterface): string[] {
  const pod = door.netlink();
  try {
    const host = node.links.find(adopted.hostIndex);
    if (host === undefined) return [`${adopted.hostInterface} is gone from the node`];
    const down = host.isUp ? [] : [`${adopted.hostInterface} is down`];
    return [...checkLink(pod, adopted), ...checkAddresses(pod, adopted), ...down];
  } finally {
    pod.close();
  }
}

function checkPod(pod: Netlink, made: PodInterface): string[] {
  const wrong = [...checkLink(pod, made), ...checkAddresses(pod, made)];
  const routes = pod.routes.list().filter(({ link }) => link === made.podIndex);
  const neighbours = pod.neighbours.list().filter(({ link }) => link === made.podIndex);
  for (const family of new Set(made.addresses.map(familyOf))) {
    const gateway = podGateway[family];
    if (!routes.some((route) => route.destination === everything[family] && route.gateway === gateway))
      wrong.push(`no route ${everything[family]} via ${gateway} in the pod`);
    if (!neighbours.some(({ address, mac }) => address === gateway && mac === made.hostMac))
      wrong.push(`the pod's neighbour ${gateway} is not ${made.hostMac}`);
  }
  return wrong;
}

function checkLink(pod: Netlink, { ifname, podIndex, podMac, hostIndex }: PodInterface): string[] {
  const link = pod.links.find(ifname);
  if (link === undefined) return [`no interface ${ifname} in the pod`];
  const wrong: string[] = [];
  if (link.index !== podIndex || link.peer !== hostIndex)
    wrong.push(`${ifname} is not the end of the node's interface`);
  if (link.mac !== podMac) wrong.push(`the MAC address of ${ifname} is ${link.mac}, not ${podMac}`);
  if (!link.isUp) wrong.push(`${ifname} is down`);
  return wrong;
}

function checkAddresses(pod: Netlink, { ifname, podIndex, addresses }: PodInterface): string[] {
  const there = new Set(pod.addresses.list().flatMap(({ link, address }) => (link === podIndex ? [address] : [])));
  return addresses.filter((address) => !there.has(address)).map((address) => `${ifname} lacks the address ${address}`);
}

function checkNode(node: Netlink, { hostInterface, hostIndex, podMac, addresses }: PodInterface): string[] {
  const host = node.links.find(hostInterface);
  if (host?.index !== hostIndex) return [`no interface ${hostInterface} on the node`];
  const wrong = host.isUp ? [] : [`${hostInterface} is down`];
  const routed = new Set(
    node.routes.list().flatMap(({ link, destination }) => (link === hostIndex ? [destination] : [])),
  );
  const neighbours = new Map(
    node.neighbours.list().flatMap(({ link, address, mac }) => (link === hostIndex ? [[address, mac]] : [])),
  );
  for (const address of addresses) {
    const destination = `${address}/${bitsOf(familyOf(address))}`;
    if (!routed.has(destination)) wrong.push(`no route ${destination} to ${hostInterface} on the node`);
    if (neighbours.get(address) !== podMac) wrong.push(`the node's neighbour ${address} is not ${podMac}`);
  }
  return wrong;
}

const familyOf = (address: string): IpFamily => (address.includes(':') ? 6 : 4);
