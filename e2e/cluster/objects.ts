import { type KubeClient, KubeFault } from '../../src/kube/index.ts';
import { dnsServiceAddress, families } from './addresses.ts';
import { dnsImage } from './images.ts';
import { nodeName, type Settings } from './settings.ts';

/** An object, and the collection that it is created in. */
type Creation = readonly [path: string, object: Readonly<Record<string, unknown>>];

/** Creates objects in their order; those that are there already stay as they are. */
export async function createAll(kube: KubeClient, creations: readonly Creation[]): Promise<void> {
  for (const [path, body] of creations) {
    try {
      await kube.request({ method: 'POST', path, body });
    } catch (error) {
      if (!(error instanceof KubeFault && error.reason === 'AlreadyExists')) throw error;
    }
  }
}

/** The node's pod CIDR is given here, as the routes to it exist already; the kubelet fills in the rest. */
export function nodeObject(settings: Settings, number: number): Creation {
  const podCIDRs = families(settings).map((family) => family.nodePods(number));
  return [
    '/api/v1/nodes',
    {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: nodeName(number), labels: { 'kubernetes.io/hostname': nodeName(number) } },
      spec: { podCIDR: podCIDRs[0], podCIDRs },
    },
  ];
}

const binding = (name: string, role: string, subject: object): Creation => [
  '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [subject],
  },
];

export const proxyBinding = binding('testbed:kube-proxy', 'system:node-proxier', {
  apiGroup: 'rbac.authorization.k8s.io',
  kind: 'User',
  name: 'system:kube-proxy',
});

/** Names outside of the cluster are refused: there is no way out to ask for them. */
const corefile = `.:53 {
  errors
  health
  ready
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    pods insecure
    ttl 5
  }
  loadbalance
}
`;

const labels = { 'k8s-app': 'kube-dns' };
const inSystem = (group: string, plural: string) => `${group}/namespaces/kube-system/${plural}`;

/** CoreDNS, as installers of clusters name its parts. */
export const dnsObjects: readonly Creation[] = [
  [inSystem('/api/v1', 'serviceaccounts'), { metadata: { name: 'coredns' } }],
  [
    '/apis/rbac.authorization.k8s.io/v1/clusterroles',
    {
      metadata: { name: 'system:coredns' },
      rules: [
        { apiGroups: [''], resources: ['services', 'namespaces', 'pods'], verbs: ['list', 'watch'] },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
      ],
    },
  ],
  binding('system:coredns', 'system:coredns', { kind: 'ServiceAccount', name: 'coredns', namespace: 'kube-system' }),
  [inSystem('/api/v1', 'configmaps'), { metadata: { name: 'coredns' }, data: { Corefile: corefile } }],
  [
    inSystem('/api/v1', 'services'),
    {
      metadata: { name: 'kube-dns', labels },
      spec: {
        selector: labels,
        clusterIP: dnsServiceAddress,
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP' },
          { name: 'dns-tcp', port: 53, protocol: 'TCP' },
        ],
      },
    },
  ],
  [
    inSystem('/apis/apps/v1', 'deployments'),
    {
      metadata: { name: 'coredns', labels },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: 'coredns',
            dnsPolicy: 'Default',
            priorityClassName: 'system-cluster-critical',
            containers: [
              {
                name: 'coredns',
                image: dnsImage,
                imagePullPolicy: 'Never',
                args: ['-conf', '/etc/coredns/Corefile'],
                ports: [
                  { name: 'dns', containerPort: 53, protocol: 'UDP' },
                  { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
                ],
                readinessProbe: { httpGet: { path: '/ready', port: 8181 }, periodSeconds: 1 },
                volumeMounts: [{ name: 'config', mountPath: '/etc/coredns', readOnly: true }],
              },
            ],
            volumes: [{ name: 'config', configMap: { name: 'coredns' } }],
          },
        },
      },
    },
  ],
];
