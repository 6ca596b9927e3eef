import { join } from 'node:path';
import { isHostInterface } from '../../cni/index.ts';
import {
  type Bpf,
  findPrograms,
  type Kernel,
  type Link,
  linksDirectory,
  type Netlink,
  type NodeAddresses,
  type Route,
  sluiceProtocol,
} from '../../datapath/index.ts';
import { tunnelDevice } from '../datapath/node-devices.ts';
import type { Leftover, NodePlaces } from './leftover.ts';

/** On any device: of this node, of pods, and of those that another plugin has made. */
export function programs(bpf: Bpf, kernel: Kernel, links: readonly Link[], { bpffs }: NodePlaces): Leftover[] {
  const nameOf = new Map(links.map(({ index, name }) => [index, name]));
  const found = findPrograms(bpf, kernel, { directory: join(bpffs, linksDirectory), devices: nameOf.keys() });
  return found.map(({ ifindex, how, name, detach }) => ({
    kind: 'program',
    name: `${how} ${name} on ${nameOf.get(ifindex) ?? 'a device that is gone'}`,
    remove: detach,
  }));
}

/** The tunnel's; routes through it go with it. */
export function devices(netlink: Netlink, links: readonly Link[]): Leftover[] {
  return links
    .filter(({ name }) => name === tunnelDevice)
    .map(({ name, index }) => ({ kind: 'device', name, remove: () => void netlink.links.remove(index) }));
}

/** To other nodes' pods, and those that answer for pods that are gone. Routes to the node's own pods go with their interfaces. */
export function routes(netlink: Netlink, links: readonly Link[]): Leftover[] {
  const ofPods = new Set(podInterfaces(netlink, links).map(({ index }) => index));
  const ours = netlink.routes
    .list()
    .filter(({ protocol, link }) => protocol === sluiceProtocol && (link === undefined || !ofPods.has(link)));
  return ours.map((route) => ({
    kind: 'route',
    name: textOf(route, links),
    remove: () => void netlink.routes.remove(route),
  }));
}

export function addresses(own: NodeAddresses): Leftover[] {
  return own.own().map((address) => ({
    kind: 'address',
    name: `${address} on lo`,
    // All others are kept: each leftover takes away what it names, and no more.
    remove: () => {
      const [fault] = own.reconcile([], (each) => each !== address).faults;
      if (fault !== undefined) throw fault;
    },
  }));
}

/** What cannot be told from somebody else's, and so stays: a sentence for each, with the command that removes it. */
export function doubts(own: NodeAddresses): string[] {
  return own
    .doubtful()
    .map(
      (address) =>
        `${address} on lo may be of a load balancer, which this kernel (before 5.18) keeps no mark of: \`ip -6 address del ${address}/128 dev lo\` removes it`,
    );
}

/** Node's ends of the interfaces that our plugin has made; the pod's end goes with it. */
export function podInterfaces(netlink: Netlink, links: readonly Link[]): (Leftover & { readonly index: number })[] {
  return links
    .filter(({ name }) => isHostInterface(name))
    .map(({ name, index, alias }) => ({
      ...{ kind: 'interface of a pod', index, name: alias === undefined ? name : `${name} of ${alias}` },
      remove: () => void netlink.links.remove(index),
    }));
}

function textOf({ destination, type, gateway, link }: Route, links: readonly Link[]): string {
  const device = links.find(({ index }) => index === link)?.name;
  return [
    ...(type === 'unicast' ? [] : [type]),
    destination,
    ...(gateway === undefined ? [] : ['via', gateway]),
    ...(device === undefined ? [] : ['dev', device]),
  ].join(' ');
}
