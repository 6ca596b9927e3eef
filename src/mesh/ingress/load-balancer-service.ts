import type { Ingress } from '../../api/index.ts';
import { type LoadBalancerService, type MeshOptions, serviceNameFor } from '../model/index.ts';
import { readAnnotations } from './annotations.ts';

/** Annotations under these prefixes are for whoever provides the load balancer (Cilium's `ingress-lb-annotation-prefixes`). */
const copiedPrefixes = [
  'lbipam.cilium.io',
  'nodeipam.cilium.io',
  'service.beta.kubernetes.io',
  'service.kubernetes.io',
  'cloud.google.com',
];

export function ingressServiceName(ingress: { readonly namespace: string; readonly name: string }): string {
  return serviceNameFor('cilium-ingress', ingress);
}

/** The Service of all Ingresses in shared mode, named `namespace/name` by the options. */
export function sharedLoadBalancerService({ sharedIngressService }: MeshOptions): LoadBalancerService {
  const [namespace = '', name = ''] = sharedIngressService.split('/');
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels: { 'cilium.io/ingress': 'true' }, annotations: {} },
    spec: {
      type: 'LoadBalancer',
      ports: [
        { name: 'http', protocol: 'TCP', port: 80 },
        { name: 'https', protocol: 'TCP', port: 443 },
      ],
      externalTrafficPolicy: 'Cluster',
      allocateLoadBalancerNodePorts: false,
    },
  };
}

/**
 * The Service that makes an Ingress of ours reachable from outside the cluster: one for each Ingress (the operator applies
 * it). Undefined in shared mode, where all Ingresses have one together, and for an Ingress on a port of the hosts.
 */
export function loadBalancerServiceOf(ingress: Ingress): LoadBalancerService | undefined {
  const { settings } = readAnnotations(ingress);
  if (settings.loadBalancerMode === 'shared' || settings.hostListenerPort !== undefined) return undefined;
  const { name, namespace = '', uid, annotations } = ingress.metadata;
  const isNodePort = settings.serviceType === 'NodePort';
  const port = (portName: string, number: number, nodePort: number | undefined) => ({
    name: portName,
    protocol: 'TCP' as const,
    port: number,
    ...(isNodePort && nodePort !== undefined ? { nodePort } : {}),
  });
  const https = settings.tlsPassthrough || ingress.spec.tls.length > 0;
  const copied = Object.entries(annotations).filter(([key]) => copiedPrefixes.some((each) => key.startsWith(each)));
  const owner = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', name, controller: true as const };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: ingressServiceName({ namespace, name }),
      namespace,
      labels: { 'cilium.io/ingress': 'true' },
      annotations: Object.fromEntries(copied),
      ...(uid === undefined ? {} : { ownerReferences: [{ ...owner, uid }] }),
    },
    spec: {
      type: settings.serviceType,
      ports: [
        port('http', 80, settings.insecureNodePort),
        ...(https ? [port('https', 443, settings.secureNodePort)] : []),
      ],
      externalTrafficPolicy: settings.externalTrafficPolicy,
      ...(isNodePort ? {} : { allocateLoadBalancerNodePorts: false as const }),
      ...(isNodePort || settings.loadBalancerClass === undefined
        ? {}
        : { loadBalancerClass: settings.loadBalancerClass }),
    },
  };
}
