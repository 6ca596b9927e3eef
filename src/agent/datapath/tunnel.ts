import type { Link, Netlink } from '../../datapath/index.ts';
import { type NodeDevices, tunnelDevice } from './node-devices.ts';
import type { DatapathOptions } from './options.ts';
import { loosenReversePath } from './sysctls.ts';

/** Of the device itself, on every node: without one, reverse path filtering drops what comes out of it, however loose it is. */
const ownAddress = '169.254.83.2';
/** What stands for "into the tunnel" in routes: addresses that nobody has. */
export const tunnelGateways = { gateway4: '169.254.83.1', gateway6: 'fe80::53' } as const;
/**
 * To whom frames in the tunnel are addressed: nobody has it, and `from_tunnel` takes every frame for its node's. Devices have addresses
 * of their own, as VXLAN takes a frame from its own device's address for a loop.
 */
const anyNode = '02:53:6c:75:69:63';
/** Outer Ethernet, IP, UDP and VXLAN headers; IPv6's is the larger one. */
const tunnelOverhead = { 4: 50, 6: 70 } as const;

/**
 * The one device of all tunnels: it takes VNI and addresses from each packet. Its gateways are permanent neighbours, so that nothing
 * is ever asked on it. Made again where it is of another kind.
 * @throws Fault `NETLINK_...`
 */
function makeTunnel(netlink: Netlink, port: number, mtu: number): Link {
  const there = netlink.links.find(tunnelDevice);
  let link = there;
  if (there !== undefined && (there.vxlan?.isExternal !== true || there.vxlan.port !== port)) {
    netlink.links.remove(there.index);
    link = undefined;
  }
  link ??= netlink.links.add({ name: tunnelDevice, mtu }, { kind: 'vxlan', port });
  if (link.mtu !== mtu) netlink.links.set(link.index, { mtu });
  netlink.links.set(link.index, { linkLocal: false });
  netlink.links.set(link.index, { up: true });
  netlink.addresses.addHost(ownAddress, link.index);
  for (const address of Object.values(tunnelGateways))
    netlink.neighbours.replace({ address, link: link.index, mac: anyNode });
  return { ...link, mtu, isUp: true };
}

/** After a change to direct routes. */
function removeTunnel(netlink: Netlink): void {
  netlink.links.remove(tunnelDevice);
}

/** With direct routes there is none, and one of before goes. */
export function setUpTunnel(
  netlink: Netlink,
  { routing, tunnelPort }: DatapathOptions,
  devices: NodeDevices,
  mtu: number,
) {
  if (routing === 'direct') {
    removeTunnel(netlink);
    return undefined;
  }
  const inner = mtu - tunnelOverhead[devices.ipv4 === undefined ? 6 : 4];
  const { index } = makeTunnel(netlink, tunnelPort, inner);
  loosenReversePath([tunnelDevice, ...devices.uplinks.map(({ name }) => name)]);
  return { link: index, mtu: inner };
}
