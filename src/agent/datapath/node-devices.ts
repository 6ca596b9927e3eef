import { isHostInterface, podGateway } from '../../cni/index.ts';
import { type Link, linkFlag, type Netlink } from '../../datapath/index.ts';
import { Fault } from '../../lib/fault.ts';

/** Name of the device of our tunnels. */
export const tunnelDevice = 'sluice_vxlan';
/** RT_SCOPE_UNIVERSE and RT_SCOPE_LINK. */
const universe = 0;

/** The node's own devices and addresses, as they are now. */
export interface NodeDevices {
  /** Towards other nodes: what host policies and direct routes are about. */
  readonly uplinks: readonly Link[];
  /** Every address of the node itself, those that pods have as their gateway included. */
  readonly addresses: readonly string[];
  /** Global addresses of uplinks with their networks: `192.0.2.1/24`. */
  readonly attached: readonly { readonly prefix: string; readonly link: number }[];
  /** What the node is reached at, by family: the first global one of the first uplink that has any. */
  readonly ipv4?: string;
  readonly ipv6?: string;
  /** What leaves for other nodes by `link` comes from `ipv4`: it has no other. Where it has several, routes say which. */
  readonly tunnelSource?: { readonly ipv4: string; readonly link: number };
  /** Bytes; the least of the uplinks. */
  readonly mtu: number;
}

/**
 * Reads them. Uplinks are the named devices or, where none are named, those with a default route, or else all that have global
 * addresses and are not ours, a loopback or a pod's.
 * @throws Fault DEVICES where a named one is not there
 */
export function readNodeDevices(netlink: Netlink, names: readonly string[]): NodeDevices {
  const links = netlink.links.list();
  const all = netlink.addresses.list();
  const isForeign = ({ name, flags }: Link) =>
    (flags & linkFlag.loopback) === 0 && name !== tunnelDevice && !isHostInterface(name);
  const global = all.filter(
    ({ scope, link }) => scope === universe && links.some((one) => one.index === link && isForeign(one)),
  );
  let uplinks: Link[];
  if (names.length > 0) {
    uplinks = names.map((name) => {
      const link = links.find((one) => one.name === name);
      if (link === undefined)
        throw new Fault('DEVICES', `device ${name}: there is none of that name`, { hint: 'check --devices' });
      return link;
    });
  } else {
    const byDefault = new Set(
      netlink.routes
        .list()
        .flatMap(({ destination, link }) => (destination.endsWith('/0') && link !== undefined ? [link] : [])),
    );
    const withDefault = links.filter((link) => byDefault.has(link.index) && isForeign(link));
    uplinks =
      withDefault.length > 0 ? withDefault : links.filter((link) => global.some((one) => one.link === link.index));
  }
  const rank = (link: number) => uplinks.findIndex(({ index }) => index === link);
  const own = global.filter(({ link }) => rank(link) >= 0).sort((a, b) => rank(a.link) - rank(b.link));
  const ofFamily = (is6: boolean) => own.filter(({ address }) => address.includes(':') === is6);
  const [own4, own6] = [ofFamily(false), ofFamily(true)];
  const [ipv4, ipv6] = [own4[0]?.address, own6[0]?.address];
  const [source, ...others] = own4.filter(({ link }) => link === own4[0]?.link);
  return {
    uplinks,
    addresses: [...new Set([...all.map(({ address }) => address), podGateway[4], podGateway[6]])],
    attached: own.map(({ address, prefixLength, link }) => ({ prefix: `${address}/${prefixLength}`, link })),
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    ...(source === undefined || others.length > 0 ? {} : { tunnelSource: { ipv4: source.address, link: source.link } }),
    mtu: Math.min(65535, ...uplinks.map(({ mtu }) => mtu)),
  };
}
