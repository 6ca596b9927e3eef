/** Policies that are right; tests change them. For tests only. */
export const policy = {
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumNetworkPolicy',
  metadata: { name: 'p', namespace: 'shop' },
  spec: {
    endpointSelector: { matchLabels: { app: 'web' } },
    ingress: [
      { fromEndpoints: [{ matchLabels: { app: 'front' } }], toPorts: [{ ports: [{ port: '80', protocol: 'TCP' }] }] },
    ],
    egress: [{ toCIDR: ['10.0.0.0/8'] }],
  },
};
export const clusterwide = {
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumClusterwideNetworkPolicy',
  metadata: { name: 'p' },
  spec: { nodeSelector: {}, ingress: [{ toPorts: [{ ports: [{ port: '22' }] }] }] },
};

export const group = {
  apiVersion: 'cilium.io/v2alpha1',
  kind: 'CiliumCIDRGroup',
  metadata: { name: 'g' },
  spec: { externalCIDRs: ['10.0.0.1/8', '10.0.0.0/8'] },
};
