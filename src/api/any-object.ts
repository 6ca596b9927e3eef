import type { CiliumClusterwideEnvoyConfig, CiliumEnvoyConfig } from './cilium.ts';
import type { CiliumEndpoint, CiliumIdentity, CiliumNode } from './cilium-node.ts';
import type { CiliumCIDRGroup, CiliumClusterwideNetworkPolicy, CiliumNetworkPolicy } from './cilium-policy.ts';
import type { ConfigMap, EndpointSlice, Namespace, Node, Pod, Secret, Service } from './core.ts';
import type { BackendTLSPolicy, Gateway, GatewayClass, ListenerSet, ReferenceGrant } from './gateway.ts';
import type { CiliumBGPLoadBalancerIPPool, CiliumLoadBalancerIPPool } from './load-balancer.ts';
import type { NetworkPolicy } from './network-policy.ts';
import type { Ingress, IngressClass } from './networking.ts';
import type { GRPCRoute, HTTPRoute, TCPRoute, TLSRoute, UDPRoute } from './route.ts';

/** Every kind that we read, by its (normalised) name. */
export interface ObjectByKind {
  readonly Service: Service;
  readonly EndpointSlice: EndpointSlice;
  readonly Namespace: Namespace;
  readonly Secret: Secret;
  readonly ConfigMap: ConfigMap;
  readonly Pod: Pod;
  readonly Node: Node;
  readonly Ingress: Ingress;
  readonly IngressClass: IngressClass;
  readonly GatewayClass: GatewayClass;
  readonly Gateway: Gateway;
  readonly ListenerSet: ListenerSet;
  readonly HTTPRoute: HTTPRoute;
  readonly GRPCRoute: GRPCRoute;
  readonly TLSRoute: TLSRoute;
  readonly TCPRoute: TCPRoute;
  readonly UDPRoute: UDPRoute;
  readonly ReferenceGrant: ReferenceGrant;
  readonly BackendTLSPolicy: BackendTLSPolicy;
  readonly CiliumEnvoyConfig: CiliumEnvoyConfig;
  readonly CiliumClusterwideEnvoyConfig: CiliumClusterwideEnvoyConfig;
  readonly CiliumLoadBalancerIPPool: CiliumLoadBalancerIPPool;
  readonly CiliumBGPLoadBalancerIPPool: CiliumBGPLoadBalancerIPPool;
  readonly NetworkPolicy: NetworkPolicy;
  readonly CiliumNetworkPolicy: CiliumNetworkPolicy;
  readonly CiliumClusterwideNetworkPolicy: CiliumClusterwideNetworkPolicy;
  readonly CiliumCIDRGroup: CiliumCIDRGroup;
  readonly CiliumIdentity: CiliumIdentity;
  readonly CiliumNode: CiliumNode;
  readonly CiliumEndpoint: CiliumEndpoint;
}

export type KindName = keyof ObjectByKind;

/** Tagged by `kind`. */
export type AnyObject = ObjectByKind[KindName];
