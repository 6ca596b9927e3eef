import type { Diagnostic } from '../../api/diagnostic.ts';
import type { ObjectRef } from '../../api/object.ts';
import type { Collection } from '../../store/index.ts';
import type { Backend } from './backend.ts';
import type { HttpRoute } from './http-route.ts';
import type { Listener } from './listener.ts';
import type { LoadBalancerService } from './load-balancer-service.ts';
import type { SecretMaterial } from './tls.ts';

/** As in metav1.Condition; lastTransitionTime is the status writer's. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
}

/** An object's `status` as its API has it (without lastTransitionTime), made anew at each translation. */
export interface ObjectStatus {
  readonly ref: ObjectRef;
  readonly value: Readonly<Record<string, unknown>>;
}

/** That an object needs a secret served. Equal names mean equal material. */
export interface SecretUse {
  readonly secret: SecretMaterial;
  readonly user: ObjectRef;
}

/** What every translator gives. Keys are the translator's own (prefix them with its name) except for listeners: by name. */
export interface MeshOutputs {
  readonly listeners: Collection<Listener>;
  readonly routes: Collection<HttpRoute>;
  readonly backends: Collection<Backend>;
  readonly secrets: Collection<SecretUse>;
  /** By `refKey` of the object they are about. */
  readonly diagnostics: Collection<readonly Diagnostic[]>;
  /** By `refKey`. */
  readonly statuses: Collection<ObjectStatus>;
  /** Services that there should be, by `namespace/name`: with `gatewayAddresses: 'service'`. */
  readonly services: Collection<LoadBalancerService>;
}

/** The options of translation: pure, so all there is. */
export interface MeshOptions {
  /** Where Ingress and Gateways without an address of their own listen. With `service`, Ingresses with a port of the hosts. */
  readonly address: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  /**
   * `next`: a Gateway whose ports are taken on `address` gets the next address after it (loopback: every 127.0.0.0/8 address
   * is ours to use). `single`: it is refused. `nodes`: as `single`, and the addresses published are those of the cluster's
   * nodes. `service`: each Gateway has the addresses that a load balancer gave its Service ({@link MeshOutputs.services}), as
   * has each dedicated Ingress; the shared ones have one Service together.
   */
  readonly gatewayAddresses: 'next' | 'single' | 'nodes' | 'service';
  /** With `service`: `namespace/name` of the Service of shared Ingresses. */
  readonly sharedIngressService: string;
  /** With `service`: of Ingresses that do not say it themselves (annotation `ingress.cilium.io/loadbalancer-mode`). */
  readonly ingressLoadBalancers: 'dedicated' | 'shared';
  /** Ingresses without a class are ours too. */
  readonly defaultIngressClass: boolean;
  /** Redirect HTTP to HTTPS where an Ingress has TLS and says nothing (`ingress.cilium.io/force-https`). */
  readonly enforceHttps: boolean;
  /** Secret `namespace/name` served on the HTTPS port where no certificate fits the SNI. */
  readonly defaultCertificate?: string;
}

export const defaultMeshOptions: MeshOptions = {
  address: '127.0.0.1',
  httpPort: 8080,
  httpsPort: 8443,
  gatewayAddresses: 'next',
  sharedIngressService: 'kube-system/cilium-ingress',
  ingressLoadBalancers: 'dedicated',
  defaultIngressClass: false,
  enforceHttps: true,
};
