/** `networking.k8s.io/v1`: Ingress and IngressClass. */
import type { LoadBalancerIngress } from './core.ts';
import type { KubeObject } from './object.ts';

export interface IngressServiceBackend {
  readonly name: string;
  /** A port's number or its name; exactly one of them in the API. */
  readonly port: number | string;
}

/** Exactly one of the two. */
export interface IngressBackend {
  readonly service?: IngressServiceBackend;
  /** An object of the Ingress' own namespace, instead of a Service. */
  readonly resource?: { readonly group: string; readonly kind: string; readonly name: string };
}

export interface IngressPath {
  readonly pathType: 'Exact' | 'Prefix' | 'ImplementationSpecific';
  /** `/` where unset, which the API allows for ImplementationSpecific only. */
  readonly path: string;
  readonly backend: IngressBackend;
}

export interface IngressRule {
  /** Absent: every host. May be `*.example.com`, which covers exactly one label. */
  readonly host?: string;
  /** Empty where the rule has no `http`: then the default backend serves the host. */
  readonly paths: readonly IngressPath[];
}

export interface IngressTls {
  /** Empty: every host of the Ingress' rules that no other entry names. */
  readonly hosts: readonly string[];
  /** Absent: SNI alone, with a certificate configured elsewhere. */
  readonly secretName?: string;
}

export interface Ingress extends KubeObject {
  readonly kind: 'Ingress';
  readonly spec: {
    /** The field only; the older annotation `kubernetes.io/ingress.class` is left to the translator. */
    readonly ingressClassName?: string;
    readonly defaultBackend?: IngressBackend;
    readonly tls: readonly IngressTls[];
    readonly rules: readonly IngressRule[];
  };
  readonly status: { readonly loadBalancer: readonly LoadBalancerIngress[] };
}

export interface IngressClass extends KubeObject {
  readonly kind: 'IngressClass';
  readonly spec: {
    /** Such as `cilium.io/ingress-controller`. */
    readonly controller: string;
    readonly parameters?: {
      readonly group: string;
      readonly kind: string;
      readonly name: string;
      readonly scope: 'Cluster' | 'Namespace';
      readonly namespace?: string;
    };
  };
}
