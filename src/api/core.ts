/**
 * Core and discovery objects, reduced to what a mesh reads. Shapes: Kubernetes API reference, `core/v1` and
 * `discovery.k8s.io/v1`. Defaults of the API server are applied by the parsers.
 */
import type { KubeObject } from './object.ts';

export type Protocol = 'TCP' | 'UDP' | 'SCTP';

export interface ServicePort {
  /** `''` where a Service with a single port names none. */
  readonly name: string;
  readonly port: number;
  /** A number, or a port's name in the selected pods; the port itself where unset. */
  readonly targetPort: number | string;
  readonly protocol: Protocol;
  /** `kubernetes.io/h2c`, `kubernetes.io/ws`, `kubernetes.io/wss`, `http`, `https`, `grpc`, ... */
  readonly appProtocol?: string;
  readonly nodePort?: number;
}

export type ServiceType = 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
export type TrafficPolicy = 'Cluster' | 'Local';

export interface ServiceSpec {
  readonly type: ServiceType;
  readonly ports: readonly ServicePort[];
  /** Absent where endpoints are managed by hand; an empty selector counts as absent. */
  readonly selector?: Readonly<Record<string, string>>;
  /** A DNS name, without the final dot; on `ExternalName` Services only. */
  readonly externalName?: string;
  /** True for `clusterIP: None`: no virtual address, endpoints are used directly. */
  readonly headless: boolean;
  /** Without `None`; empty where headless or not yet allocated. */
  readonly clusterIPs: readonly string[];
  readonly externalIPs: readonly string[];
  /** Those of its addresses, the preferred one first; empty where no API server has filled them in. */
  readonly ipFamilies: readonly ('IPv4' | 'IPv6')[];
  readonly sessionAffinity: 'None' | 'ClientIP';
  /** Milliseconds; 10800000 (3 h) by default. Present with `ClientIP` only. */
  readonly sessionAffinityTimeout?: number;
  readonly externalTrafficPolicy: TrafficPolicy;
  readonly internalTrafficPolicy: TrafficPolicy;
  readonly trafficDistribution?: string;
  readonly publishNotReadyAddresses: boolean;
  readonly loadBalancerIP?: string;
  readonly loadBalancerClass?: string;
  readonly loadBalancerSourceRanges: readonly string[];
}

export interface Service extends KubeObject {
  readonly kind: 'Service';
  readonly spec: ServiceSpec;
  readonly status: { readonly loadBalancer: readonly LoadBalancerIngress[] };
}

/** One address of a load balancer: `ip` or `hostname`. */
export interface LoadBalancerIngress {
  readonly ip?: string;
  readonly hostname?: string;
}

export interface Endpoint {
  /** At least one; the first is the one to use (the API's own rule). IP addresses, or names with `FQDN`. */
  readonly addresses: readonly string[];
  /** Defaults per the API: unknown `ready` is true, unknown `serving` is `ready`, unknown `terminating` is false. */
  readonly conditions: { readonly ready: boolean; readonly serving: boolean; readonly terminating: boolean };
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly zone?: string;
  readonly targetRef?: { readonly kind: string; readonly namespace?: string; readonly name: string };
  /** `hints.forZones`: zones that should use this endpoint. */
  readonly forZones: readonly string[];
}

export interface EndpointPort {
  /** Matches the Service port's name; `''` for an unnamed one. */
  readonly name: string;
  /** Absent means every port. */
  readonly port?: number;
  readonly protocol: Protocol;
  readonly appProtocol?: string;
}

export interface EndpointSlice extends KubeObject {
  readonly kind: 'EndpointSlice';
  /** The label `kubernetes.io/service-name`; absent on a slice that belongs to no Service. */
  readonly serviceName?: string;
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN';
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly EndpointPort[];
}

export interface Namespace extends KubeObject {
  readonly kind: 'Namespace';
}

export interface Secret extends KubeObject {
  readonly kind: 'Secret';
  /** `Opaque` where unset; `kubernetes.io/tls` holds `tls.crt` and `tls.key`. */
  readonly type: string;
  /** Base64 decoded; `stringData` merged in, and winning, as in the API server. */
  readonly data: Readonly<Record<string, Uint8Array>>;
}

export interface ConfigMap extends KubeObject {
  readonly kind: 'ConfigMap';
  readonly data: Readonly<Record<string, string>>;
  readonly binaryData: Readonly<Record<string, Uint8Array>>;
}

export interface ContainerPort {
  readonly name?: string;
  readonly containerPort: number;
  readonly hostPort?: number;
  readonly protocol: Protocol;
}

export interface Pod extends KubeObject {
  readonly kind: 'Pod';
  readonly spec: {
    readonly nodeName?: string;
    readonly hostNetwork: boolean;
    readonly serviceAccountName?: string;
    /** Of containers and of init containers that go on running (`restartPolicy: Always`): these can be named by Services. */
    readonly containers: readonly { readonly name: string; readonly ports: readonly ContainerPort[] }[];
  };
  readonly status: {
    readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
    /** `podIP` is the first. */
    readonly podIPs: readonly string[];
    readonly hostIP?: string;
    /** The condition `Ready`. */
    readonly ready: boolean;
  };
}

export interface NodeAddress {
  readonly type: string;
  readonly address: string;
}

/** Labels are in `metadata.labels`, as everywhere. */
export interface Node extends KubeObject {
  readonly kind: 'Node';
  readonly spec: { readonly podCIDRs: readonly string[] };
  readonly status: { readonly addresses: readonly NodeAddress[] };
}

export interface LabelSelectorRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
}

/** All of it must hold; an empty selector matches everything (`matchesSelector` in `selector.ts`). */
export interface LabelSelector {
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly LabelSelectorRequirement[];
}
