import { type Family, families } from './addresses.ts';
import { nodeName, nodeNumbers, type Settings } from './settings.ts';
import type { Command } from './shell.ts';

const bridge = 'testbed0';
const linkTo = (number: number): string => nodeName(number);

const ip = ({ version }: Family, ...words: readonly string[]): Command => ['ip', `-${version}`, ...words];

/** Without waiting for duplicate address detection: the addresses are ours to give. */
const addAddress = (family: Family, address: string, device: string): Command =>
  ip(
    family,
    ...['address', 'add', `${address}/${family.prefixLength}`, 'dev', device],
    ...(family.version === 6 ? ['nodad'] : []),
  );

const forwarding = ({ version }: Family): Command => [
  'sysctl',
  '-qw',
  version === 4 ? 'net.ipv4.ip_forward=1' : 'net.ipv6.conf.all.forwarding=1',
];

/** To run in the control plane's network namespace, before there are nodes. */
export const prepareControlPlaneNetwork = (settings: Settings): Command[] => [
  ['ip', 'link', 'set', 'lo', 'up'],
  ['ip', 'link', 'add', bridge, 'type', 'bridge'],
  ['ip', 'link', 'set', bridge, 'up'],
  ...families(settings).flatMap((family): Command[] => [
    addAddress(family, family.controlPlane, bridge),
    // It is the way from a node's pods to the addresses of the load-balancer pool.
    forwarding(family),
    // Connections, not clients, are spread over the nodes, as routers do.
    ['sysctl', '-qw', `net.ipv${family.version}.fib_multipath_hash_policy=1`],
  ]),
];

/** A veth from the bridge to a node, whose init has the process id `init`; in the control plane's network namespace. */
export const connectNode = (number: number, init: number): Command[] => [
  ['ip', 'link', 'add', linkTo(number), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', `${init}`],
  ['ip', 'link', 'set', linkTo(number), 'master', bridge, 'up'],
];

/** To run in a node's network namespace, after `connectNode`. */
export const prepareNodeNetwork = (settings: Settings, number: number): Command[] => [
  ['ip', 'link', 'set', 'lo', 'up'],
  ['ip', 'link', 'set', 'eth0', 'up'],
  ...families(settings).flatMap((family): Command[] => [
    addAddress(family, family.node(number), 'eth0'),
    ip(family, 'route', 'add', 'default', 'via', family.controlPlane),
    forwarding(family),
    ...podRoutes(settings, family, number),
  ]),
];

/** To the pods of the other nodes. A pod network of somebody else's makes its own. */
function podRoutes(settings: Settings, family: Family, number: number): Command[] {
  if (settings.cni === 'none') return [];
  const others = nodeNumbers(settings).filter((other) => other !== number);
  return others.map((other) => ip(family, 'route', 'add', family.nodePods(other), 'via', family.node(other)));
}

/**
 * Routes from the control plane's network namespace, when all nodes are connected: to the pods; to the Services, which the
 * nodes' kube-proxies translate (the API server calls webhooks there); to the load-balancer pool.
 */
export function controlPlaneRoutes(settings: Settings): Command[] {
  const numbers = nodeNumbers(settings);
  return families(settings).flatMap((family) => {
    const anyNode = numbers.flatMap((number) => ['nexthop', 'via', family.node(number)]);
    return [
      ...numbers.map((number) => ip(family, 'route', 'add', family.nodePods(number), 'via', family.node(number))),
      ip(family, 'route', 'add', family.services, ...anyNode),
      ip(family, 'route', 'add', family.pool, ...anyNode),
    ];
  });
}
