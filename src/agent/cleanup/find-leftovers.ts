import { Netlink, NetlinkSocket, NodeAddresses, openBpf, openKernel } from '../../datapath/index.ts';
import { networkFiles, pins, plugins, state } from './file-leftovers.ts';
import type { Leftover, NodePlaces } from './leftover.ts';
import { addresses, devices, doubts, podInterfaces, programs, routes } from './network-leftovers.ts';

export type { Leftover, LeftoverKind, NodePlaces } from './leftover.ts';

export interface Leftovers extends Disposable {
  /** In the order in which they are to be removed: first what makes new pods ours, last what knows of those that are. */
  readonly found: readonly Leftover[];
  /** Pods that were set up by our plugin and keep their interfaces, with what is known of them. */
  readonly pods: readonly Leftover[];
  /** Of what may be ours and stays: sentences. */
  readonly doubts: readonly string[];
}

/**
 * All that is ours in this network namespace and in these places. Looking changes nothing. Interfaces of pods are cut only where it is
 * asked for: without their programs the node's stack carries their packets. What is known of these pods stays with them, as an agent
 * that is installed again must not give their addresses to others.
 * @throws Fault where something cannot be read, which takes root
 */
export async function findLeftovers(places: NodePlaces, options: { readonly cutPods: boolean }): Promise<Leftovers> {
  const [kernel, bpf] = [await openKernel(), await openBpf()];
  const netlink = new Netlink(kernel);
  const own = new NodeAddresses(new NetlinkSocket(kernel));
  const close = () => {
    netlink.close();
    own.close();
  };
  try {
    const links = netlink.links.list();
    const pods = podInterfaces(netlink, links);
    const found = [
      ...networkFiles(places),
      ...(await plugins(places)),
      ...programs(bpf, kernel, links, places),
      ...pins(places),
      ...routes(netlink, links),
      ...devices(netlink, links),
      ...addresses(own),
      ...(options.cutPods ? pods : []),
      ...(options.cutPods || pods.length === 0 ? state(places) : []),
    ];
    return { found, pods: options.cutPods ? [] : pods, doubts: doubts(own), [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}
