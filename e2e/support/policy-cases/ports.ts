import type { PolicyCase } from '../policy-cases.ts';
import { app, ingress, ports } from './words.ts';

export const portCases: readonly PolicyCase[] = [
  {
    title: 'a port by its name',
    objects: [ingress({ toPorts: ports('http') })],
    allowed: ['client server tcp/8080', 'outside server tcp/8080'],
    dropped: ['client server tcp/9090', 'client server udp/8080', 'client server icmp'],
  },
  {
    title: 'a range of ports',
    objects: [ingress({ toPorts: ports({ port: '8000', endPort: 8191, protocol: 'ANY' }) })],
    allowed: ['client server tcp/8080', 'client server udp/8080'],
    dropped: ['client server tcp/9090', 'client server udp/9090'],
  },
  {
    title: 'one protocol of two',
    objects: [ingress({ toPorts: ports({ port: '8080', protocol: 'UDP' }) })],
    allowed: ['client server udp/8080'],
    dropped: ['client server tcp/8080'],
  },
  {
    title: 'a port of some, and all ports of others',
    objects: [ingress({ fromEndpoints: [app('far')] }, { fromEndpoints: [app('client')], toPorts: ports('8080') })],
    allowed: ['client server tcp/8080', 'far server tcp/9090'],
    dropped: ['client server tcp/9090'],
  },
  {
    title: 'no port at all',
    objects: [ingress({ fromEndpoints: [app('client')], toPorts: [{ ports: [] }] }, { fromEndpoints: [app('far')] })],
    allowed: ['far server tcp/8080'],
    dropped: ['client server tcp/8080', 'client server icmp'],
  },
  {
    title: 'pings alone',
    objects: [ingress({ icmps: [{ fields: [{ type: 'EchoRequest' }, { type: 128, family: 'IPv6' }] }] })],
    allowed: ['client server icmp', 'far server icmp'],
    dropped: ['client server tcp/8080', 'client server udp/8080'],
  },
  {
    title: 'what is to be read by a proxy, where there is none',
    objects: [
      ingress({ toPorts: [{ ...ports('8080')[0], rules: { http: [{ method: 'GET' }] } }] }, { toPorts: ports('9090') }),
    ],
    allowed: ['client server tcp/9090'],
    dropped: ['client server tcp/8080'],
  },
];
