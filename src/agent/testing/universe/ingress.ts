/** For tests only: Ingresses and their classes. */
import fc from 'fast-check';
import { host, meta, ofKind, optional, secretName, service } from './common.ts';

export const ingressClasses = ofKind('networking.k8s.io/v1', 'IngressClass', {
  metadata: fc.record({
    name: fc.constantFrom('cilium', 'edge'),
    annotations: fc.constantFrom({ 'ingressclass.kubernetes.io/is-default-class': 'true' }, {}),
  }),
  spec: fc.record({ controller: fc.constantFrom('cilium.io/ingress-controller', 'example.com/other') }),
});

const ingressPath = fc
  .record({
    path: fc.constantFrom('/', '/x', '/x/y', '/['),
    pathType: fc.constantFrom('Exact', 'Prefix', 'ImplementationSpecific'),
    name: service,
    port: fc.constantFrom<object>({ number: 80 }, { name: 'http' }, { number: 443 }),
  })
  .map(({ path, pathType, name, port }) => ({ path, pathType, backend: { service: { name, port } } }));

export const ingresses = ofKind('networking.k8s.io/v1', 'Ingress', {
  metadata: fc
    .tuple(
      meta(['i1', 'i2', 'i3']),
      fc.dictionary(
        fc.constantFrom(
          'ingress.cilium.io/force-https',
          'ingress.cilium.io/tls-passthrough',
          'ingress.cilium.io/loadbalancer-mode',
          'ingress.cilium.io/request-timeout',
          'ingress.cilium.io/host-listener-port',
        ),
        fc.constantFrom('enabled', 'disabled', 'dedicated', '9000', '3s'),
        { maxKeys: 2 },
      ),
    )
    .map(([metadata, annotations]) => ({ ...metadata, annotations })),
  spec: fc.record({
    ingressClassName: fc.constantFrom('cilium', 'cilium', 'edge', undefined),
    defaultBackend: optional(service.map((name) => ({ service: { name, port: { number: 80 } } }))),
    rules: fc.array(
      fc
        .record({ host: optional(host), paths: fc.array(ingressPath, { minLength: 1, maxLength: 2 }) })
        .map(({ host: name, paths }) => ({ host: name, http: { paths } })),
      { minLength: 1, maxLength: 2 },
    ),
    tls: fc.array(fc.record({ hosts: optional(host.map((one) => [one])), secretName }), { maxLength: 2 }),
  }),
});
