import { createHash } from 'node:crypto';
import { type Ingress, objectKey } from '../../api/index.ts';
import { readAnnotations } from './annotations.ts';

/** A Service manifest as the API server takes it. */
export interface LoadBalancerService {
  readonly apiVersion: 'v1';
  readonly kind: 'Service';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly {
      readonly apiVersion: string;
      readonly kind: string;
      readonly name: string;
      readonly uid: string;
      readonly controller: true;
    }[];
  };
  readonly spec: {
    readonly type: 'LoadBalancer' | 'NodePort';
    readonly ports: readonly {
      readonly name: string;
      readonly protocol: 'TCP';
      readonly port: number;
      readonly nodePort?: number;
    }[];
    readonly externalTrafficPolicy: 'Cluster' | 'Local';
    readonly loadBalancerClass?: string;
  };
}

/** Annotations under these prefixes are for whoever provides the load balancer (Cilium's `ingress-lb-annotation-prefixes`). */
const copiedPrefixes = [
  'lbipam.cilium.io',
  'nodeipam.cilium.io',
  'service.beta.kubernetes.io',
  'service.kubernetes.io',
  'cloud.google.com',
];

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
      name: serviceName(ingress),
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
      ...(isNodePort || settings.loadBalancerClass === undefined
        ? {}
        : { loadBalancerClass: settings.loadBalancerClass }),
    },
  };
}

/** Names of Services are DNS labels. */
const maxName = 63;

/** `cilium-ingress-NAME`; an Ingress name may be longer than a Service's, or have dots: then a hash keeps it unique. */
function serviceName(ingress: Ingress): string {
  const full = `cilium-ingress-${ingress.metadata.name}`;
  if (full.length <= maxName && !full.includes('.')) return full;
  const hash = createHash('sha256').update(objectKey(ingress)).digest('hex').slice(0, 10);
  const start = full.replaceAll('.', '-').slice(0, maxName - hash.length - 1);
  return `${start}-${hash}`;
}
