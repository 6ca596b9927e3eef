import type { PolicyCase } from '../policy-cases.ts';
import { clusterwide, OUTSIDE_BLOCKS, ports } from './words.ts';

const firstNode = { matchLabels: { 'kubernetes.io/hostname': 'node-0' } };
const secondNode = { matchLabels: { 'kubernetes.io/hostname': 'node-1' } };
/** With `--host-firewall`. */
export const nodeCases: readonly PolicyCase[] = [
  {
    title: 'what may come in to a node',
    objects: [
      clusterwide({
        nodeSelector: firstNode,
        ingress: [{ fromEntities: ['cluster'] }, { fromEntities: ['world'], toPorts: ports('9090') }],
      }),
    ],
    allowed: [
      'client node-0 tcp/8080',
      'far node-0 tcp/8080',
      'node-1 node-0 tcp/8080',
      'outside node-0 tcp/9090',
      'outside node-1 tcp/8080',
      'outside server tcp/8080',
      'node-0 outside tcp/8080',
    ],
    dropped: ['outside node-0 tcp/8080', 'outside node-0 udp/9090', 'outside node-0 icmp'],
  },
  {
    title: 'where a node may go',
    objects: [clusterwide({ nodeSelector: firstNode, egress: [{ toEntities: ['cluster'] }] })],
    allowed: [
      'node-0 node-1 tcp/8080',
      'node-0 server tcp/8080',
      'node-0 far tcp/8080',
      'outside node-0 tcp/8080',
      'client outside tcp/8080',
    ],
    dropped: ['node-0 outside tcp/8080', 'node-0 outside udp/8080'],
  },
  {
    title: 'what may not come in to nodes, whatever is allowed',
    objects: [
      clusterwide({
        nodeSelector: {},
        ingress: [{ fromEntities: ['all'] }],
        ingressDeny: [{ fromCIDRSet: OUTSIDE_BLOCKS.map((cidr) => ({ cidr })) }],
      }),
    ],
    allowed: ['node-1 node-0 tcp/8080', 'client node-1 tcp/8080', 'outside server tcp/8080'],
    dropped: ['outside node-0 tcp/8080', 'outside node-1 tcp/8080'],
  },
  {
    title: 'which nodes may come in to a node, by their labels',
    objects: [clusterwide({ nodeSelector: firstNode, ingress: [{ fromNodes: [secondNode], toPorts: ports('8080') }] })],
    allowed: ['node-1 node-0 tcp/8080', 'client node-1 tcp/8080', 'outside server tcp/8080'],
    dropped: ['node-1 node-0 tcp/9090', 'client node-0 tcp/8080', 'far node-0 tcp/8080', 'outside node-0 tcp/8080'],
  },
  {
    title: 'nodes that a node may not go to, by their labels',
    objects: [
      clusterwide({
        nodeSelector: firstNode,
        egress: [{ toEntities: ['all'] }],
        egressDeny: [{ toNodes: [secondNode] }],
      }),
    ],
    allowed: ['node-0 outside tcp/8080', 'node-0 far tcp/8080', 'node-1 node-0 tcp/8080', 'client node-1 tcp/8080'],
    dropped: ['node-0 node-1 tcp/8080'],
  },
];
