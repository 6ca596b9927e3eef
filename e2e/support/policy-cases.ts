/**
 * Policies, and who reaches whom under each: what the datapath does is held against these, in IPv4 and IPv6. Where nothing is said, all
 * is allowed. Pods and machines are `policyPods` and: `node-0`, `node-1`, and `outside`, which is not of the cluster.
 */
export interface PolicyCase {
  readonly title: string;
  readonly objects: readonly object[];
  /** `client server tcp/8080`, `client server icmp`: from, to, what. Servers listen on 8080 and 9090, by TCP and UDP. */
  readonly allowed: readonly string[];
  /** At least one, by which it is seen that the policy is in force. */
  readonly dropped: readonly string[];
}

/** Which pods there are, by name. `client` and `server` are on one node, the others on another. */
export const policyPods = {
  client: { node: 0, namespace: 'default', labels: { app: 'client', tier: 'front' } },
  server: {
    node: 0,
    namespace: 'default',
    labels: { app: 'server', tier: 'back' },
    serviceAccountName: 'web',
    ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
  },
  far: { node: 1, namespace: 'default', labels: { app: 'far', tier: 'front' } },
  shopper: { node: 1, namespace: 'shop', labels: { app: 'client', tier: 'front' } },
} as const;

const OUTSIDE = ['192.0.2.100', '2001:db8::100'];
const OUTSIDE_BLOCKS = ['192.0.2.100/32', '2001:db8::100/128'];

const cilium = (spec: object, kind = 'CiliumNetworkPolicy', name = 'case'): object => ({
  ...{ apiVersion: 'cilium.io/v2', kind },
  metadata: { name, ...(kind === 'CiliumNetworkPolicy' ? { namespace: 'default' } : {}) },
  spec,
});
const clusterwide = (spec: object): object => cilium(spec, 'CiliumClusterwideNetworkPolicy');
const kubernetes = (spec: object): object => ({
  ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
  metadata: { name: 'case', namespace: 'default' },
  spec,
});
const app = (name: string) => ({ matchLabels: { app: name } });
const ports = (...all: (string | object)[]) => [
  { ports: all.map((port) => (typeof port === 'string' ? { port, protocol: 'TCP' } : port)) },
];
/** What may come in to `server`. */
const ingress = (...rules: object[]): object => cilium({ endpointSelector: app('server'), ingress: rules });
/** Where `client` may go. */
const egress = (...rules: object[]): object => cilium({ endpointSelector: app('client'), egress: rules });
const kubernetesIngress = (...rules: object[]): object =>
  kubernetes({ podSelector: app('server'), policyTypes: ['Ingress'], ingress: rules });

const peers: readonly PolicyCase[] = [
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

const l4: readonly PolicyCase[] = [
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

const verdicts: readonly PolicyCase[] = [
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

const ofKubernetes: readonly PolicyCase[] = [
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

const firstNode = { matchLabels: { 'kubernetes.io/hostname': 'node-0' } };
/** With `--host-firewall`. */
const ofNodes: readonly PolicyCase[] = [
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
];

function kubernetesDenyAll(): object {
  return {
    ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
    metadata: { name: 'deny', namespace: 'default' },
    spec: { podSelector: {}, policyTypes: ['Ingress'] },
  };
}

export const policyCases: readonly PolicyCase[] = [...peers, ...l4, ...verdicts, ...ofKubernetes, ...ofNodes];
