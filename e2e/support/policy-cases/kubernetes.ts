import type { PolicyCase } from '../policy-cases.ts';
import { app, kubernetes, kubernetesIngress } from './words.ts';

export const kubernetesCases: readonly PolicyCase[] = [
  {
    title: 'NetworkPolicy: pods of the own namespace',
    objects: [kubernetesIngress({ from: [{ podSelector: app('client') }] })],
    allowed: ['client server tcp/8080', 'client server icmp', 'node-0 server tcp/8080'],
    dropped: ['far server tcp/8080', 'shopper server tcp/8080', 'outside server tcp/8080'],
  },
  {
    title: 'NetworkPolicy: all pods of a namespace',
    objects: [
      kubernetesIngress({ from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } } }] }),
    ],
    allowed: ['shopper server tcp/8080'],
    dropped: ['client server tcp/8080', 'far server tcp/8080'],
  },
  {
    title: 'NetworkPolicy: some pods of all namespaces',
    objects: [kubernetesIngress({ from: [{ namespaceSelector: {}, podSelector: app('client') }] })],
    allowed: ['client server tcp/8080', 'shopper server tcp/8080'],
    dropped: ['far server tcp/8080', 'outside server tcp/8080'],
  },
  {
    title: 'NetworkPolicy: networks',
    objects: [
      kubernetesIngress({
        from: [
          { ipBlock: { cidr: '192.0.2.0/24' } },
          { ipBlock: { cidr: '2001:db8::/32', except: ['2001:db8:1::/48'] } },
        ],
      }),
    ],
    allowed: ['outside server tcp/8080'],
    dropped: ['client server tcp/8080'],
  },
  {
    title: 'NetworkPolicy: ports by name and range',
    objects: [kubernetesIngress({ ports: [{ port: 'http' }, { port: 9000, endPort: 9100, protocol: 'UDP' }] })],
    allowed: ['client server tcp/8080', 'far server udp/9090'],
    dropped: ['client server tcp/9090', 'client server udp/8080'],
  },
  {
    title: 'NetworkPolicy: nothing in',
    objects: [kubernetes({ podSelector: app('server'), policyTypes: ['Ingress'] })],
    allowed: ['server client tcp/8080'],
    dropped: ['client server tcp/8080', 'outside server tcp/8080'],
  },
  {
    title: 'NetworkPolicy: everybody in',
    objects: [kubernetesIngress({}), kubernetesDenyAll()],
    allowed: ['client server tcp/8080', 'outside server tcp/8080'],
    dropped: ['server client tcp/8080'],
  },
  {
    title: 'NetworkPolicy: on the way out',
    objects: [
      kubernetes({
        podSelector: app('client'),
        policyTypes: ['Egress'],
        egress: [{ to: [{ podSelector: app('server') }], ports: [{ port: 8080 }] }],
      }),
    ],
    allowed: ['client server tcp/8080', 'far client tcp/8080'],
    dropped: ['client server tcp/9090', 'client far tcp/8080', 'client outside tcp/8080'],
  },
];

function kubernetesDenyAll(): object {
  return {
    ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
    metadata: { name: 'deny', namespace: 'default' },
    spec: { podSelector: {}, policyTypes: ['Ingress'] },
  };
}
