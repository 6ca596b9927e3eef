import { isHostInterface } from '../../cni/index.ts';
import { type Netlink, type Route, routeTable, sluiceProtocol } from '../../datapath/index.ts';
import { Fault } from '../../lib/fault.ts';
import type { UnreachableRoute } from '../../network/ipam/index.ts';
import type { NodeRoute } from '../../network/routing/index.ts';

/** Metric of routes to other nodes' Pods: IPv6's own default, so that both families say the same. */
const nodeMetric = 1024;

/**
 * Makes this node's routes to other nodes' Pods, and those that answer for Pods that are gone, what they should be. Ours are known
 * by their protocol number; routes to the node's own pods, which come and go with their interfaces, are left to these.
 * @param endpointLinks interfaces of endpoints, which a third party may have named as it likes
 * @returns how many routes were written or removed, and what the kernel refused
 * @throws Fault where the kernel's routes cannot be read
 */
export function reconcileRoutes(
  netlink: Netlink,
  wanted: readonly NodeRoute[],
  unreachable: readonly UnreachableRoute[],
  endpointLinks: Iterable<number>,
): { readonly changed: number; readonly faults: readonly Fault[] } {
  const faults: Fault[] = [];
  let changed = 0;
  const attempt = (work: () => void) => {
    try {
      work();
      changed++;
    } catch (error) {
      faults.push(Fault.from(error, 'ROUTE', 'routes'));
    }
  };
  const routes: Route[] = [
    ...wanted.map(
      ({ destination, link, gateway, onLink, source, mtu }): Route => ({
        ...{ destination, link, gateway, type: 'unicast', table: routeTable.main, protocol: sluiceProtocol, scope: 0 },
        metric: nodeMetric,
        ...(onLink ? { onLink } : {}),
        ...(source === undefined ? {} : { source }),
        ...(mtu === undefined ? {} : { mtu }),
      }),
    ),
    ...unreachable.map(
      ({ prefix, metric }): Route => ({
        ...{
          destination: prefix,
          type: 'unreachable',
          table: routeTable.main,
          protocol: sluiceProtocol,
          scope: 0,
          metric,
        },
      }),
    ),
  ];
  const podLinks = new Set(endpointLinks);
  // Also those that are being made, and are no endpoint's yet.
  for (const { name, index } of netlink.links.list()) if (isHostInterface(name)) podLinks.add(index);
  const ours = netlink.routes
    .list()
    .filter(
      ({ protocol, link, table }) =>
        protocol === sluiceProtocol && table === routeTable.main && !podLinks.has(link ?? -1),
    );
  const there = new Map(ours.map((route) => [textOf(route), route]));
  const names = new Set(routes.map(textOf));
  for (const route of routes) if (!there.has(textOf(route))) attempt(() => netlink.routes.replace(route));
  const kept = new Set(routes.map(placeOf));
  // One whose place another one took is gone already.
  for (const [text, route] of there)
    if (!names.has(text) && !kept.has(placeOf(route))) attempt(() => void netlink.routes.remove(route));
  return { changed, faults };
}

const placeOf = ({ destination, metric }: Route) => `${destination} ${metric}`;
const textOf = (route: Route) => {
  const { destination, type, metric, link, gateway, source, mtu } = route;
  // The kernel names `lo` in unreachable routes of IPv6.
  return JSON.stringify(
    type === 'unreachable' ? [destination, type, metric] : [destination, type, metric, link, gateway, source, mtu],
  );
};
