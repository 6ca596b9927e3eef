import {
  controlPlaneAddress,
  nodeAddress,
  nodeName,
  nodeNumbers,
  nodePodCidr,
  type Settings,
  serviceCidr,
} from './settings.ts';
import type { Command } from './shell.ts';

const bridge = 'testbed0';
const linkTo = (number: number): string => nodeName(number);

/** To run in the control plane's network namespace, before there are nodes. */
export const prepareControlPlaneNetwork = (settings: Settings): Command[] => [
  ['ip', 'link', 'set', 'lo', 'up'],
  ['ip', 'link', 'add', bridge, 'type', 'bridge'],
  ['ip', 'address', 'add', `${controlPlaneAddress(settings)}/24`, 'dev', bridge],
  ['ip', 'link', 'set', bridge, 'up'],
  // It is the way from a node's pods to the addresses of the load-balancer pool.
  ['sysctl', '-qw', 'net.ipv4.ip_forward=1'],
  // Connections, not clients, are spread over the nodes, as routers do.
  ['sysctl', '-qw', 'net.ipv4.fib_multipath_hash_policy=1'],
];

/** A veth from the bridge to a node, whose init has the process id `init`; in the control plane's network namespace. */
export const connectNode = (number: number, init: number): Command[] => [
  ['ip', 'link', 'add', linkTo(number), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', `${init}`],
  ['ip', 'link', 'set', linkTo(number), 'master', bridge, 'up'],
];

/** To run in a node's network namespace, after `connectNode`. */
export const prepareNodeNetwork = (settings: Settings, number: number): Command[] => [
  ['ip', 'link', 'set', 'lo', 'up'],
  ['ip', 'address', 'add', `${nodeAddress(settings, number)}/24`, 'dev', 'eth0'],
  ['ip', 'link', 'set', 'eth0', 'up'],
  ['ip', 'route', 'add', 'default', 'via', controlPlaneAddress(settings)],
  ['sysctl', '-qw', 'net.ipv4.ip_forward=1'],
  ...nodeNumbers(settings)
    .filter((other) => other !== number)
    .map((other): Command => ['ip', 'route', 'add', nodePodCidr(other), 'via', nodeAddress(settings, other)]),
];

/**
 * Routes from the control plane's network namespace, when all nodes are connected: to the pods; to the Services, which the
 * nodes' kube-proxies translate (the API server calls webhooks there); to the load-balancer pool.
 */
export function controlPlaneRoutes(settings: Settings): Command[] {
  const numbers = nodeNumbers(settings);
  const anyNode = numbers.flatMap((number) => ['nexthop', 'via', nodeAddress(settings, number)]);
  return [
    ...numbers.map(
      (number): Command => ['ip', 'route', 'add', nodePodCidr(number), 'via', nodeAddress(settings, number)],
    ),
    ['ip', 'route', 'add', serviceCidr, ...anyNode],
    ['ip', 'route', 'add', settings.lbPool, ...anyNode],
  ];
}
