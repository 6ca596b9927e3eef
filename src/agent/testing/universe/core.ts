/** For tests only: Services, what is behind them, Secrets and ConfigMaps. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { meta, namespace, ofKind, service } from './common.ts';

const certs = join(import.meta.dirname, '../../../mesh/ingress/testdata/certs');
const pem = (file: string): string => readFileSync(join(certs, file), 'utf8');

export const services = ofKind('v1', 'Service', {
  metadata: meta(['web', 'db']),
  spec: fc.oneof(
    fc.record({
      selector: fc.constantFrom({ app: 'web' }, { app: 'web', tier: 'front' }, undefined),
      ports: fc.constantFrom(
        [{ name: 'http', port: 80, targetPort: 8080 }],
        [{ name: 'http', port: 80, targetPort: 'http' }],
        [
          { name: 'http', port: 80, appProtocol: 'kubernetes.io/h2c' },
          { name: 'tls', port: 443, appProtocol: 'https' },
          { name: 'dns', port: 53, protocol: 'UDP' },
        ],
        [{ port: 81 }],
      ),
      sessionAffinity: fc.constantFrom('None', 'ClientIP'),
    }),
    fc.constant({ type: 'ExternalName', externalName: 'example.org' }),
  ),
});

/** Services of Gateways and Ingresses, with what a load balancer gave them; and the nodes. */
export const loadBalancers = fc
  .record({
    metadata: meta([
      'cilium-gateway-g',
      'cilium-gateway-h',
      'cilium-ingress-i1',
      'cilium-ingress-i2',
      'cilium-ingress',
    ]),
    ips: fc.uniqueArray(fc.constantFrom('10.9.0.1', '10.9.0.2', '127.0.0.9', 'fd00::9'), { maxLength: 2 }),
    type: fc.constantFrom('LoadBalancer', 'LoadBalancer', 'LoadBalancer', 'ClusterIP'),
  })
  .map(({ metadata, ips, type }) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { type, ports: [{ port: 80 }] },
    status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
  }));

export const nodes = ofKind('v1', 'Node', {
  metadata: fc.record({ name: fc.constantFrom('n1', 'n2') }),
  status: fc.record({
    addresses: fc.constantFrom(
      [{ type: 'InternalIP', address: '10.8.0.1' }],
      [
        { type: 'InternalIP', address: '10.8.0.2' },
        { type: 'ExternalIP', address: '10.7.0.2' },
      ],
    ),
  }),
});

export const slices = fc
  .record({
    namespace,
    of: service,
    name: fc.constantFrom('s1', 's2'),
    addresses: fc.uniqueArray(fc.constantFrom('10.0.0.1', '10.0.0.2', 'fd00::1'), { maxLength: 2 }),
    conditions: fc.constantFrom({}, { ready: false }, { ready: false, serving: true, terminating: true }),
    port: fc.constantFrom(8080, 9090),
  })
  .map(({ of, name, addresses, conditions, port, ...rest }) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: rest.namespace, labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port, protocol: 'TCP' }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions })),
  }));

export const pods = fc
  .record({ metadata: meta(['p1', 'p2']), front: fc.boolean(), ready: fc.boolean(), port: fc.constantFrom(8080, 8081) })
  .map(({ metadata, front, ready, port }) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, labels: { app: 'web', ...(front ? { tier: 'front' } : {}) } },
    spec: { containers: [{ name: 'c', image: 'i', ports: [{ name: 'http', containerPort: port }] }] },
    status: {
      phase: 'Running',
      podIPs: [{ ip: metadata.name === 'p1' ? '10.1.0.1' : '10.1.0.2' }],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  }));

export const namespaces = ofKind('v1', 'Namespace', {
  metadata: fc.record({
    name: fc.constantFrom('default', 'team'),
    labels: fc.constantFrom({ routes: 'yes' }, { routes: 'no' }, {}),
  }),
});

export const secrets = ofKind('v1', 'Secret', {
  metadata: meta(['cert', 'other']),
  type: fc.constant('kubernetes.io/tls'),
  stringData: fc.constantFrom(
    { 'tls.crt': pem('shop.crt'), 'tls.key': pem('shop.key') },
    { 'tls.crt': pem('wildcard.crt'), 'tls.key': pem('wildcard.key'), 'ca.crt': pem('other.crt') },
    { 'tls.crt': pem('shop.crt'), 'tls.key': pem('wildcard.key') },
    { 'tls.crt': 'nonsense' },
  ),
});

export const configMaps = ofKind('v1', 'ConfigMap', {
  metadata: meta(['ca']),
  data: fc.constantFrom({ 'ca.crt': pem('shop.crt') }, { 'ca.crt': pem('other.crt') }, { 'ca.crt': 'no' }, {}),
});
