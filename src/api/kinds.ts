import { isObject } from '../lib/is-object.ts';
import type { AnyObject, KindName, ObjectByKind } from './any-object.ts';
import { GATEWAY_GROUP } from './gateway.ts';
import type { KubeObject, ObjectMeta } from './object.ts';
import { envoyConfigBody, qualify } from './parsers/cilium.ts';
import {
  ciliumCidrGroupBody,
  ciliumEndpointBody,
  ciliumIdentityBody,
  ciliumNodeBody,
  finishIdentity,
} from './parsers/cilium-node.ts';
import { ciliumPolicyBody, finishPolicy } from './parsers/cilium-policy.ts';
import {
  configMapBody,
  endpointSliceBody,
  namespaceBody,
  nodeBody,
  podBody,
  secretBody,
  serviceBody,
} from './parsers/core.ts';
import { gatewayBody, gatewayClassBody, listenerSetBody } from './parsers/gateway.ts';
import { grpcRouteBody } from './parsers/grpc-route.ts';
import { httpRouteBody } from './parsers/http-route.ts';
import { bgpLoadBalancerIpPoolBody, loadBalancerIpPoolBody } from './parsers/load-balancer.ts';
import { metadata, type NameForm } from './parsers/metadata.ts';
import { networkPolicyBody } from './parsers/network-policy.ts';
import { ingressBody, ingressClassBody } from './parsers/networking.ts';
import { backendTlsPolicyBody, referenceGrantBody } from './parsers/policy.ts';
import { l4RouteBody, tlsRouteBody } from './parsers/route.ts';
import { type Context, NOTHING, type Schema, wrongType } from './schema/index.ts';

/** A kind as it can be written. */
export interface Kind {
  /** As written: `XListenerSet`. */
  readonly kind: string;
  readonly group: string;
  /** Those that we take, the preferred one first. */
  readonly versions: readonly string[];
  readonly namespaced: boolean;
  /** The kind of the objects that come out: `ListenerSet`. */
  readonly reads: KindName;
  /** Reads an object whose `apiVersion` and `kind` are known to be of this kind. Reports to the context, never throws. */
  readonly parse: (raw: unknown, version: string, context: Context) => AnyObject;
}

type Body<K extends KindName> = Omit<ObjectByKind[K], keyof KubeObject>;

interface Definition<K extends KindName, Read = Body<K>> {
  readonly group: string;
  readonly versions: readonly string[];
  readonly clusterScoped?: true;
  /** What names may look like: `subdomain` unless said otherwise. */
  readonly name?: NameForm;
  /** All fields but `apiVersion`, `kind` and `metadata`. */
  readonly body: Schema<Read> | { readonly byVersion: (version: string) => Schema<Read> };
  /** For what spans metadata and body. */
  readonly finish?: (meta: ObjectMeta, body: Read, context: Context) => Body<K>;
}

/** The fields that every object has, taken out of the way of the body's schema. */
function envelope<Read>(meta: Schema<ObjectMeta>, body: Schema<Read>) {
  return (raw: unknown, context: Context): { readonly metadata: ObjectMeta; readonly body: Read } => {
    if (!isObject(raw)) return wrongType(raw, 'an object', context);
    const { apiVersion: _apiVersion, kind: _kind, metadata: rawMeta, ...rest } = raw;
    let metadata: ObjectMeta = NOTHING;
    if (rawMeta === undefined || rawMeta === null)
      context.error('MissingField', 'is missing', 'every object needs metadata.name', ['metadata']);
    else {
      context.enter('metadata');
      metadata = meta(rawMeta, context);
      context.leave();
    }
    return { metadata, body: body(rest, context) };
  };
}

function define<K extends KindName, Read = Body<K>>(
  reads: K,
  definition: Definition<K, Read>,
  kind: string = reads,
): Kind {
  const { group, versions, clusterScoped, name = 'subdomain', body, finish } = definition;
  const namespaced = clusterScoped !== true;
  const meta = metadata(namespaced, name);
  const bodies = new Map(
    versions.map((version) => [version, envelope(meta, 'byVersion' in body ? body.byVersion(version) : body)]),
  );
  // One shape per kind: the preferred version, and the group of the kind that it is read as.
  const readGroup = kind === 'XListenerSet' ? GATEWAY_GROUP : group;
  const preferred = kind === 'XListenerSet' ? 'v1' : versions[0];
  const apiVersion = readGroup === '' ? `${preferred}` : `${readGroup}/${preferred}`;
  return {
    kind,
    group,
    versions,
    namespaced,
    reads,
    parse: (raw, version, context) => {
      const before = context.errors;
      const read = bodies.get(version)?.(raw, context);
      if (read === undefined || context.errors !== before) return NOTHING;
      const fields = finish === undefined ? read.body : finish(read.metadata, read.body, context);
      return { apiVersion, kind: reads, metadata: read.metadata, ...fields } as unknown as AnyObject;
    },
  };
}

const SERVICE_NAME = 'kubernetes.io/service-name';
const V1 = ['v1'] as const;
const V1_AND_BETA = ['v1', 'v1beta1'] as const;
const CILIUM = { group: 'cilium.io', versions: ['v2'] } as const;
const GATEWAY = { group: GATEWAY_GROUP } as const;
const olderRoutes = (version: string) => (version === 'v1alpha2' ? 'v1alpha2' : 'v1');

/** Every kind that is read; whatever else there is in a folder is left alone. */
export const kinds: readonly Kind[] = [
  define('Service', { group: '', versions: V1, name: 'label', body: serviceBody }),
  define('EndpointSlice', {
    group: 'discovery.k8s.io',
    versions: V1,
    body: endpointSliceBody,
    finish: ({ labels }, body) => {
      const serviceName = labels[SERVICE_NAME];
      return serviceName ? { ...body, serviceName } : body;
    },
  }),
  define('Namespace', { group: '', versions: V1, name: 'label', clusterScoped: true, body: namespaceBody }),
  define('Secret', { group: '', versions: V1, body: secretBody }),
  define('ConfigMap', { group: '', versions: V1, body: configMapBody }),
  define('Pod', { group: '', versions: V1, body: podBody }),
  define('Node', { group: '', versions: V1, clusterScoped: true, body: nodeBody }),
  define('Ingress', {
    group: 'networking.k8s.io',
    versions: V1,
    body: ingressBody,
    finish: ({ annotations }, body, context) => {
      if (body.spec.ingressClassName !== undefined && annotations['kubernetes.io/ingress.class'] !== undefined)
        context.warning('InvalidValue', 'is ignored: spec.ingressClassName is set too', 'keep one of the two', [
          'metadata',
          'annotations',
          'kubernetes.io/ingress.class',
        ]);
      return body;
    },
  }),
  define('IngressClass', { group: 'networking.k8s.io', versions: V1, clusterScoped: true, body: ingressClassBody }),
  define('GatewayClass', { ...GATEWAY, versions: V1_AND_BETA, clusterScoped: true, body: gatewayClassBody }),
  define('Gateway', { ...GATEWAY, versions: V1_AND_BETA, body: gatewayBody }),
  define('ListenerSet', { ...GATEWAY, versions: V1, body: listenerSetBody }),
  define(
    'ListenerSet',
    { group: 'gateway.networking.x-k8s.io', versions: ['v1alpha1'], body: listenerSetBody },
    'XListenerSet',
  ),
  define('HTTPRoute', { ...GATEWAY, versions: V1_AND_BETA, body: httpRouteBody }),
  define('GRPCRoute', { ...GATEWAY, versions: ['v1', 'v1alpha2'], body: grpcRouteBody }),
  define('TLSRoute', {
    ...GATEWAY,
    versions: ['v1', 'v1alpha3', 'v1alpha2'],
    body: { byVersion: (version) => tlsRouteBody(olderRoutes(version)) },
  }),
  define('TCPRoute', {
    ...GATEWAY,
    versions: ['v1', 'v1alpha2'],
    body: { byVersion: (version) => l4RouteBody(olderRoutes(version)) },
  }),
  define('UDPRoute', {
    ...GATEWAY,
    versions: ['v1', 'v1alpha2'],
    body: { byVersion: (version) => l4RouteBody(olderRoutes(version)) },
  }),
  define('ReferenceGrant', { ...GATEWAY, versions: ['v1', 'v1beta1', 'v1alpha2'], body: referenceGrantBody }),
  define('BackendTLSPolicy', { ...GATEWAY, versions: ['v1', 'v1alpha3'], body: backendTlsPolicyBody }),
  define('CiliumEnvoyConfig', {
    ...CILIUM,
    body: envoyConfigBody,
    finish: ({ namespace }, { spec }, context) => ({ spec: qualify(spec, namespace, context) }),
  }),
  define('CiliumClusterwideEnvoyConfig', {
    ...CILIUM,
    clusterScoped: true,
    body: envoyConfigBody,
    finish: (_meta, { spec }, context) => ({ spec: qualify(spec, undefined, context) }),
  }),
  define('CiliumLoadBalancerIPPool', {
    group: 'cilium.io',
    versions: ['v2', 'v2alpha1'],
    clusterScoped: true,
    body: loadBalancerIpPoolBody,
  }),
  define('CiliumBGPLoadBalancerIPPool', {
    group: 'cilium.io',
    versions: ['v2alpha1'],
    clusterScoped: true,
    body: bgpLoadBalancerIpPoolBody,
  }),
  define('NetworkPolicy', { group: 'networking.k8s.io', versions: V1, body: networkPolicyBody }),
  define('CiliumNetworkPolicy', { ...CILIUM, body: ciliumPolicyBody, finish: finishPolicy }),
  define('CiliumClusterwideNetworkPolicy', {
    ...CILIUM,
    clusterScoped: true,
    body: ciliumPolicyBody,
    finish: finishPolicy,
  }),
  define('CiliumCIDRGroup', {
    group: 'cilium.io',
    versions: ['v2', 'v2alpha1'],
    clusterScoped: true,
    body: ciliumCidrGroupBody,
  }),
  define('CiliumIdentity', { ...CILIUM, clusterScoped: true, body: ciliumIdentityBody, finish: finishIdentity }),
  define('CiliumNode', { ...CILIUM, clusterScoped: true, body: ciliumNodeBody }),
  define('CiliumEndpoint', { ...CILIUM, body: ciliumEndpointBody }),
];
