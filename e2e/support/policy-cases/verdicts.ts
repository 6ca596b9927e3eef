import type { PolicyCase } from '../policy-cases.ts';
import { app, cilium, clusterwide, egress, ingress, ports } from './words.ts';

export const verdictCases: readonly PolicyCase[] = [
  {
    title: 'default deny on the way in',
    objects: [ingress({})],
    allowed: ['server client tcp/8080', 'server outside tcp/8080', 'node-0 server tcp/8080'],
    dropped: ['client server tcp/8080', 'far server icmp', 'outside server udp/8080'],
  },
  {
    title: 'default deny on the way out, which answers pass',
    objects: [egress({})],
    allowed: ['far client tcp/8080', 'outside client udp/8080'],
    dropped: ['client server tcp/8080', 'client outside tcp/8080', 'client far icmp'],
  },
  {
    title: 'deny before allow',
    objects: [
      cilium({
        endpointSelector: app('server'),
        ingress: [{ fromEntities: ['all'] }],
        ingressDeny: [{ fromEndpoints: [app('client')], toPorts: ports('9090') }, { fromEntities: ['world'] }],
      }),
    ],
    allowed: ['client server tcp/8080', 'far server tcp/9090'],
    dropped: ['client server tcp/9090', 'outside server tcp/8080'],
  },
  {
    title: 'deny of an endpoint that is allowed by a port',
    objects: [
      cilium({
        endpointSelector: app('client'),
        egress: [{ toPorts: ports('8080') }],
        egressDeny: [{ toEndpoints: [app('far')] }],
      }),
    ],
    allowed: ['client server tcp/8080', 'client outside tcp/8080'],
    dropped: ['client far tcp/8080', 'client server tcp/9090'],
  },
  {
    title: 'deny without default deny',
    objects: [
      cilium({
        endpointSelector: app('server'),
        ingressDeny: [{ toPorts: ports('9090') }],
        enableDefaultDeny: { ingress: false },
      }),
    ],
    allowed: ['client server tcp/8080', 'outside server udp/9090'],
    dropped: ['client server tcp/9090'],
  },
  {
    title: 'several policies add up',
    objects: [
      ingress({ fromEndpoints: [app('client')] }),
      cilium({ endpointSelector: {}, ingress: [{ fromEndpoints: [app('far')] }] }, 'CiliumNetworkPolicy', 'second'),
    ],
    allowed: ['client server tcp/8080', 'far server tcp/8080', 'far client tcp/8080'],
    dropped: ['outside server tcp/8080', 'server client tcp/8080'],
  },
  {
    title: 'endpoints of all namespaces',
    objects: [clusterwide({ endpointSelector: app('client'), ingress: [{ fromEndpoints: [app('server')] }] })],
    allowed: ['server client tcp/8080', 'server shopper tcp/8080'],
    dropped: ['far client tcp/8080', 'far shopper tcp/8080', 'outside shopper tcp/8080'],
  },
];
