/** Policies, said shortly. */
export const OUTSIDE = ['192.0.2.100', '2001:db8::100'];
export const OUTSIDE_BLOCKS = ['192.0.2.100/32', '2001:db8::100/128'];

export const cilium = (spec: object, kind = 'CiliumNetworkPolicy', name = 'case'): object => ({
  ...{ apiVersion: 'cilium.io/v2', kind },
  metadata: { name, ...(kind === 'CiliumNetworkPolicy' ? { namespace: 'default' } : {}) },
  spec,
});
export const clusterwide = (spec: object): object => cilium(spec, 'CiliumClusterwideNetworkPolicy');
export const kubernetes = (spec: object): object => ({
  ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
  metadata: { name: 'case', namespace: 'default' },
  spec,
});
export const app = (name: string) => ({ matchLabels: { app: name } });
export const ports = (...all: (string | object)[]) => [
  { ports: all.map((port) => (typeof port === 'string' ? { port, protocol: 'TCP' } : port)) },
];
/** What may come in to `server`. */
export const ingress = (...rules: object[]): object => cilium({ endpointSelector: app('server'), ingress: rules });
/** Where `client` may go. */
export const egress = (...rules: object[]): object => cilium({ endpointSelector: app('client'), egress: rules });
export const kubernetesIngress = (...rules: object[]): object =>
  kubernetes({ podSelector: app('server'), policyTypes: ['Ingress'], ingress: rules });
