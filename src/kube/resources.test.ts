import assert from 'node:assert/strict';
import { isCustom, pathOf, resources } from './index.ts';

describe('paths of resources', () => {
  // As the API server's own discovery has them.
  const paths: Readonly<Record<string, string>> = {
    BackendTLSPolicy: '/apis/gateway.networking.k8s.io/v1/backendtlspolicies',
    CiliumClusterwideEnvoyConfig: '/apis/cilium.io/v2/ciliumclusterwideenvoyconfigs',
    CiliumEnvoyConfig: '/apis/cilium.io/v2/ciliumenvoyconfigs',
    ConfigMap: '/api/v1/configmaps',
    CustomResourceDefinition: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    EndpointSlice: '/apis/discovery.k8s.io/v1/endpointslices',
    Event: '/apis/events.k8s.io/v1/events',
    Gateway: '/apis/gateway.networking.k8s.io/v1/gateways',
    GatewayClass: '/apis/gateway.networking.k8s.io/v1/gatewayclasses',
    HTTPRoute: '/apis/gateway.networking.k8s.io/v1/httproutes',
    Ingress: '/apis/networking.k8s.io/v1/ingresses',
    IngressClass: '/apis/networking.k8s.io/v1/ingressclasses',
    Lease: '/apis/coordination.k8s.io/v1/leases',
    XListenerSet: '/apis/gateway.networking.x-k8s.io/v1alpha1/xlistenersets',
  };
  for (const [kind, path] of Object.entries(paths)) it(`${kind}: ${path}`, () => assert.equal(pathOf(kind), path));

  it('go down to an object and its status', () => {
    assert.equal(
      pathOf('HTTPRoute', { version: 'v1beta1', namespace: 'a', name: 'b', subresource: 'status' }),
      '/apis/gateway.networking.k8s.io/v1beta1/namespaces/a/httproutes/b/status',
    );
    assert.equal(pathOf('Node', { name: 'n/1' }), '/api/v1/nodes/n%2F1');
  });

  it('are of one resource each', () => {
    assert.equal(new Set(resources.map(({ kind }) => kind)).size, resources.length);
    assert.deepEqual([...new Set(resources.map(({ group }) => group).filter(isCustom))].sort(), [
      'cilium.io',
      'gateway.networking.k8s.io',
      'gateway.networking.x-k8s.io',
    ]);
  });
});
