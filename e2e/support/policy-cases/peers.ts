import type { PolicyCase } from '../policy-cases.ts';
import { app, cilium, egress, ingress, OUTSIDE, OUTSIDE_BLOCKS, ports } from './words.ts';

const secondNode = { matchLabels: { 'kubernetes.io/hostname': 'node-1' } };

export const peerCases: readonly PolicyCase[] = [
  {
    title: 'endpoints by labels are of the own namespace',
    objects: [ingress({ fromEndpoints: [app('client')] })],
    allowed: ['client server tcp/8080', 'client server udp/9090', 'client server icmp', 'node-0 server tcp/8080'],
    dropped: ['far server tcp/8080', 'shopper server tcp/8080', 'outside server tcp/8080'],
  },
  {
    title: 'endpoints of a namespace that is named',
    objects: [
      ingress({ fromEndpoints: [{ matchLabels: { app: 'client', 'k8s:io.kubernetes.pod.namespace': 'shop' } }] }),
    ],
    allowed: ['shopper server tcp/8080'],
    dropped: ['client server tcp/8080', 'far server tcp/8080'],
  },
  {
    title: 'endpoints by labels of their namespace',
    objects: [
      ingress({
        fromEndpoints: [{ matchLabels: { 'k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name': 'shop' } }],
      }),
    ],
    allowed: ['shopper server tcp/8080'],
    dropped: ['client server tcp/8080', 'far server tcp/8080'],
  },
  {
    title: 'endpoints by expressions',
    objects: [
      ingress({
        fromEndpoints: [
          {
            matchExpressions: [
              { key: 'tier', operator: 'In', values: ['front', 'middle'] },
              { key: 'app', operator: 'NotIn', values: ['far'] },
              { key: 'k8s:none', operator: 'DoesNotExist' },
            ],
          },
        ],
      }),
    ],
    allowed: ['client server tcp/8080'],
    dropped: ['far server tcp/8080'],
  },
  {
    title: 'endpoints by service account',
    objects: [
      cilium({
        endpointSelector: app('far'),
        ingress: [{ fromEndpoints: [{ matchLabels: { 'io.cilium.k8s.policy.serviceaccount': 'web' } }] }],
      }),
    ],
    allowed: ['server far tcp/8080'],
    dropped: ['client far tcp/8080', 'shopper far tcp/8080'],
  },
  {
    title: 'what every endpoint must be',
    objects: [ingress({ fromEndpoints: [{}], fromRequires: [app('client')] })],
    allowed: ['client server tcp/8080'],
    dropped: ['far server tcp/8080'],
  },
  {
    title: 'the world',
    objects: [ingress({ fromEntities: ['world'] })],
    allowed: ['outside server tcp/8080'],
    dropped: ['client server tcp/8080', 'far server tcp/8080'],
  },
  {
    title: 'the cluster',
    objects: [ingress({ fromEntities: ['cluster'] })],
    allowed: ['client server tcp/8080', 'far server tcp/8080', 'shopper server tcp/8080'],
    dropped: ['outside server tcp/8080'],
  },
  {
    title: 'the own node, and others',
    objects: [egress({ toEntities: ['host'] }, { toEntities: ['remote-node'], ...{ toPorts: ports('8080') } })],
    allowed: ['client node-0 tcp/9090', 'client node-1 tcp/8080'],
    dropped: ['client node-1 tcp/9090', 'client server tcp/8080', 'client outside tcp/8080'],
  },
  {
    title: 'nodes by their labels, the own one among them',
    objects: [cilium({ endpointSelector: {}, ingress: [{ fromNodes: [secondNode] }] })],
    allowed: ['node-1 server tcp/8080', 'node-1 server icmp', 'node-1 far tcp/8080', 'node-0 server tcp/8080'],
    dropped: ['node-0 far tcp/8080', 'node-0 far icmp', 'client server tcp/8080', 'outside server tcp/8080'],
  },
  {
    title: 'nodes by their labels that may not come in, whatever is allowed',
    objects: [
      cilium({
        endpointSelector: {},
        ingress: [{ fromEntities: ['all'] }],
        ingressDeny: [{ fromNodes: [secondNode], toPorts: ports('8080') }],
      }),
    ],
    allowed: ['node-0 far tcp/8080', 'node-0 server tcp/8080', 'client far tcp/8080', 'node-1 server tcp/9090'],
    dropped: ['node-1 server tcp/8080', 'node-1 far tcp/8080'],
  },
  {
    title: 'nodes by their labels that one may go to',
    objects: [cilium({ endpointSelector: {}, egress: [{ toNodes: [secondNode] }] })],
    allowed: ['client node-1 tcp/8080', 'client node-1 icmp', 'far node-1 tcp/8080'],
    dropped: ['client node-0 tcp/8080', 'far node-0 tcp/8080', 'client server tcp/8080', 'client outside tcp/8080'],
  },
  {
    title: 'nodes by their labels that one may not go to',
    objects: [
      cilium({
        endpointSelector: {},
        egress: [{ toEntities: ['all'] }],
        egressDeny: [
          {
            toNodes: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'NotIn', values: ['node-0'] }] }],
          },
        ],
      }),
    ],
    allowed: ['client node-0 tcp/8080', 'far node-0 tcp/8080', 'client far tcp/8080', 'client outside tcp/8080'],
    dropped: ['client node-1 tcp/8080', 'far node-1 tcp/8080'],
  },
  {
    title: 'networks, and parts of them that are not meant',
    objects: [
      egress(
        { toCIDR: OUTSIDE, toPorts: ports('9090') },
        {
          toCIDRSet: [
            { cidr: '192.0.0.0/16', except: ['192.0.2.96/28'] },
            { cidr: '2001:db8::/32', except: ['2001:db8::100/120'] },
          ],
        },
        { toEndpoints: [app('server')] },
      ),
    ],
    allowed: ['client outside tcp/9090', 'client server tcp/8080'],
    dropped: ['client outside tcp/8080', 'client far tcp/8080'],
  },
  {
    title: 'groups of networks',
    objects: [
      {
        ...{ apiVersion: 'cilium.io/v2alpha1', kind: 'CiliumCIDRGroup', metadata: { name: 'case' } },
        spec: { externalCIDRs: OUTSIDE_BLOCKS },
      },
      egress({ toCIDRSet: [{ cidrGroupRef: 'case' }] }),
    ],
    allowed: ['client outside tcp/8080'],
    dropped: ['client server tcp/8080'],
  },
  {
    title: 'endpoints of a Service',
    objects: [
      {
        ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'case', namespace: 'default' } },
        spec: { selector: { app: 'far' }, ports: [{ port: 80, targetPort: 8080 }] },
      },
      egress({ toServices: [{ k8sService: { serviceName: 'case', namespace: 'default' } }] }),
    ],
    allowed: ['client far tcp/8080'],
    dropped: ['client server tcp/8080', 'client outside tcp/8080'],
  },
];
