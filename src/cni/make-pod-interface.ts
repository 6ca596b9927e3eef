import { type Link, type Netlink, type NetworkNamespace, setNetSysctl } from '../datapath/index.ts';
import { Fault } from '../lib/fault.ts';
import { bitsOf, type IpFamily } from '../lib/ip-address.ts';
import { attachmentNames } from './attachment-names.ts';
import { everything, type PodInterface, type PodInterfaceSpec, podGateway } from './pod-interface.ts';

/** Index of `lo` in every network namespace. */
const loopback = 1;
/** RT_SCOPE_LINK: the destination is on the link itself. */
const linkScope = 253;

/**
 * Makes a pod's veth: born with its other end in the pod, addresses, default routes, `lo` up; on the node's side a route and a
 * permanent neighbour for each address. Made again, it changes nothing; what another call left half-made goes first.
 * @param node the node's routing
 * @param attach called when all but the node's side is ready, and before any packet can pass: attaches programs, fills maps
 * @throws Fault by what the kernel says, after everything that was made is gone again
 */
export async function makePodInterface(
  node: Netlink,
  door: NetworkNamespace,
  spec: PodInterfaceSpec,
  attach: (made: PodInterface) => void | Promise<void> = () => {},
): Promise<PodInterface> {
  if (door.isOwn) throw new Fault('NETNS_OWN', `${door.path} is the network namespace of the node, and not of a pod`);
  const pod = door.netlink();
  try {
    const { host, inPod } = makeVeth(node, pod, door, spec);
    try {
      const made = describe(spec, host, inPod);
      setUpPod(pod, door, made);
      await attach(made);
      setUpNode(node, made);
      return made;
    } catch (error) {
      node.links.remove(host.index);
      throw error;
    }
  } finally {
    pod.close();
  }
}

function makeVeth(node: Netlink, pod: Netlink, door: NetworkNamespace, spec: PodInterfaceSpec) {
  const { hostInterface, hostMac, podMac } = attachmentNames(spec);
  const { mtu, ifname, alias } = spec;
  const before = node.links.find(hostInterface);
  if (before !== undefined) {
    const inPod = pod.links.find(ifname);
    const isPair = inPod?.peer === before.index && before.peer === inPod.index;
    if (isPair && before.mac === hostMac && inPod.mac === podMac && before.mtu === mtu && inPod.mtu === mtu)
      return { host: before, inPod };
    node.links.remove(before.index);
  }
  const peer = { name: ifname, mtu, mac: podMac, namespaceFd: door.fd };
  const host = node.links.add({ name: hostInterface, mtu, mac: hostMac }, { kind: 'veth', peer });
  const inPod = pod.links.find(ifname);
  if (inPod === undefined)
    throw new Fault('NETNS_GONE', `${hostInterface}: its other end ${ifname} is not in ${door.path}`);
  // What names it for people; not worth failing for, but nothing is known that could make it fail.
  if (alias !== undefined) node.links.set(host.index, { alias });
  return { host, inPod };
}

function describe(spec: PodInterfaceSpec, host: Link, inPod: Link): PodInterface {
  const { containerId, ifname, mtu, addresses } = spec;
  const { hostInterface, hostMac, podMac } = attachmentNames(spec);
  return {
    ...{ containerId, ifname, mtu, addresses, hostInterface, hostMac, podMac },
    hostIndex: host.index,
    podIndex: inPod.index,
  };
}

function setUpPod(pod: Netlink, door: NetworkNamespace, made: PodInterface): void {
  const { ifname, addresses, hostMac, podIndex: link } = made;
  // Runtimes may have switched it off for all interfaces to come; a pod that is given an IPv6 address is to have it.
  if (addresses.some((address) => familyOf(address) === 6))
    door.run(() => setNetSysctl(`ipv6/conf/${ifname}/disable_ipv6`, '0'));
  pod.links.set(loopback, { up: true });
  // Without a link-local address nothing is multicast when the pod starts: no detection of duplicates, no router solicitation.
  pod.links.set(link, { linkLocal: false });
  pod.links.set(link, { up: true });
  for (const address of addresses) {
    const family = familyOf(address);
    const gateway = podGateway[family];
    pod.addresses.addHost(address, link);
    pod.neighbours.replace({ address: gateway, link, mac: hostMac });
    pod.routes.replace({ destination: everything[family], link, gateway, onLink: true, source: address });
  }
}

/** The node's side of a pod's interface: up, with a route and a permanent neighbour for each address. What is there already is replaced. */
export function setUpNode(node: Netlink, { addresses, podMac, hostIndex: link }: PodInterface): void {
  node.links.set(link, { linkLocal: false });
  node.links.set(link, { up: true });
  for (const address of addresses) {
    const family = familyOf(address);
    node.neighbours.replace({ address, link, mac: podMac });
    node.routes.replace({
      destination: `${address}/${bitsOf(family)}`,
      link,
      ...(family === 4 ? { scope: linkScope } : {}),
    });
  }
}

const familyOf = (address: string): IpFamily => (address.includes(':') ? 6 : 4);
