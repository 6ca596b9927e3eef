import assert from 'node:assert/strict';
import { loadBalancerServiceOf } from './load-balancer-service.ts';
import { ingress, path, rule } from './testing/objects.ts';

const rules = [rule('shop.example.com', path('/'))];
const tls = [{ hosts: ['shop.example.com'], secretName: 'shop' }];
const annotated = (annotations: Record<string, string>, spec: object = { rules }) =>
  loadBalancerServiceOf(ingress('shop', spec, { annotations }));

describe('load balancer Service of an Ingress', () => {
  it('is a LoadBalancer on 80, and on 443 with TLS, owned by the Ingress', () => {
    const service = loadBalancerServiceOf(ingress('shop', { rules, tls }, { namespace: 'store', uid: 'u-1' }));
    assert.deepEqual(service, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name: 'cilium-ingress-shop',
        namespace: 'store',
        labels: { 'cilium.io/ingress': 'true' },
        annotations: {},
        ownerReferences: [
          { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', name: 'shop', controller: true, uid: 'u-1' },
        ],
      },
      spec: {
        type: 'LoadBalancer',
        ports: [
          { name: 'http', protocol: 'TCP', port: 80 },
          { name: 'https', protocol: 'TCP', port: 443 },
        ],
        externalTrafficPolicy: 'Cluster',
        allocateLoadBalancerNodePorts: false,
      },
    });
  });

  it('takes type, node ports and traffic policy from annotations of either prefix', () => {
    const service = annotated(
      {
        'ingress.cilium.io/service-type': 'NodePort',
        'io.cilium.ingress/insecure-node-port': '30080',
        'ingress.cilium.io/secure-node-port': '30443',
        'ingress.cilium.io/service-external-traffic-policy': 'Local',
        'ingress.cilium.io/loadbalancer-class': 'example.com/internal',
      },
      { rules, tls },
    );
    assert.equal(service?.spec.type, 'NodePort');
    assert.deepEqual(
      service?.spec.ports.map(({ nodePort }) => nodePort),
      [30080, 30443],
    );
    assert.equal(service?.spec.externalTrafficPolicy, 'Local');
    assert.equal(service?.spec.loadBalancerClass, undefined);
  });

  it('copies what is meant for the provider, and has a class where one is named', () => {
    const service = annotated({
      'ingress.cilium.io/loadbalancer-class': 'example.com/internal',
      'lbipam.cilium.io/ips': '192.0.2.1',
      'service.beta.kubernetes.io/aws-load-balancer-type': 'nlb',
      'example.com/private': 'stays',
    });
    assert.equal(service?.spec.loadBalancerClass, 'example.com/internal');
    assert.deepEqual(Object.keys(service?.metadata.annotations ?? {}), [
      'lbipam.cilium.io/ips',
      'service.beta.kubernetes.io/aws-load-balancer-type',
    ]);
  });

  it('is not there in shared mode, nor for a port of the hosts', () => {
    assert.equal(annotated({ 'ingress.cilium.io/loadbalancer-mode': 'shared' }), undefined);
    assert.equal(annotated({ 'ingress.cilium.io/host-listener-port': '9000' }), undefined);
    assert.notEqual(annotated({ 'ingress.cilium.io/loadbalancer-mode': 'dedicated' }), undefined);
  });

  it('has a name that is a DNS label and unique, however long the Ingress name', () => {
    const names = [`${'a'.repeat(100)}x`, `${'a'.repeat(100)}y`, 'with.dots', 'with-dots'].map(
      (name) => loadBalancerServiceOf(ingress(name, { rules }))?.metadata.name ?? '',
    );
    for (const name of names) assert.match(name, /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
    assert.equal(new Set(names).size, names.length);
  });
});
