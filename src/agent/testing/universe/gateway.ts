/** For tests only: every kind of the Gateway API. */
import fc from 'fast-check';
import { host, meta, namespace, ofKind, optional, secretName, service } from './common.ts';

const gatewayVersion = 'gateway.networking.k8s.io/v1';
const gateway = fc.constantFrom('g', 'g', 'h');
const regex = fc.constantFrom('/x.*', '/[a-z]+', '/(', '/(?!x)');

export const gatewayClasses = ofKind(gatewayVersion, 'GatewayClass', {
  metadata: fc.record({ name: fc.constantFrom('cilium', 'mine') }),
  spec: fc.record({ controllerName: fc.constantFrom('io.cilium/gateway-controller', 'example.com/other') }),
});

const selector = { from: 'Selector', selector: { matchLabels: { routes: 'yes' } } };
const allowed = fc.constantFrom<object>({ from: 'All' }, { from: 'All' }, { from: 'Same' }, selector);

const listener = fc
  .record({
    protocol: fc.constantFrom('HTTP', 'HTTP', 'HTTPS', 'HTTPS', 'TLS', 'TLS-terminate', 'TCP', 'UDP'),
    port: fc.constantFrom(80, 81, 443),
    hostname: optional(host),
    secret: secretName,
    namespaces: allowed,
  })
  .map(({ protocol, port, hostname, secret, namespaces: from }) => {
    const certificate = { certificateRefs: [{ name: secret }] };
    const tls =
      protocol === 'TLS'
        ? { mode: 'Passthrough' }
        : protocol === 'HTTPS' || protocol === 'TLS-terminate'
          ? certificate
          : undefined;
    return {
      protocol: protocol === 'TLS-terminate' ? 'TLS' : protocol,
      port,
      ...(hostname === undefined || protocol === 'TCP' || protocol === 'UDP' ? {} : { hostname }),
      ...(tls === undefined ? {} : { tls }),
      allowedRoutes: { namespaces: from },
    };
  });
const listeners = fc
  .uniqueArray(listener, {
    minLength: 1,
    maxLength: 3,
    selector: ({ protocol, port, hostname }) => `${port}/${protocol}/${hostname}`,
  })
  .map((all) => all.map((one, i) => ({ name: `l${i}`, ...one })));

export const gateways = ofKind(gatewayVersion, 'Gateway', {
  metadata: meta(['g', 'h']),
  spec: fc.record({
    gatewayClassName: fc.constantFrom('cilium', 'cilium', 'cilium', 'cilium', 'mine', 'nobody'),
    allowedListeners: allowed.map((from) => ({ namespaces: from })),
    addresses: optional(fc.constantFrom([{ value: '127.0.0.9' }], [{ type: 'Hostname', value: 'x.test' }])),
    tls: optional(
      fc.constantFrom<object>(
        { backend: { clientCertificateRef: { name: 'cert' } } },
        {
          frontend: { default: { validation: { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }] } } },
        },
      ),
    ),
    listeners,
  }),
});

export const listenerSets = ofKind(gatewayVersion, 'ListenerSet', {
  metadata: meta(['set']),
  spec: fc.record({ parentRef: fc.record({ name: gateway, namespace }), listeners }),
});

const parentRefs = fc.array(
  fc.oneof(
    fc.record({ name: gateway, namespace }),
    fc.record({ name: gateway, namespace, sectionName: fc.constantFrom('l0', 'l1') }),
    fc.record({ kind: fc.constant('ListenerSet'), name: fc.constant('set'), namespace }),
  ),
  { minLength: 1, maxLength: 2 },
);
const backendRef = fc.record({
  name: service,
  namespace: optional(namespace),
  port: fc.constantFrom(80, 80, 443),
  weight: fc.constantFrom(0, 1, 3),
});
const backendRefs = fc.array(backendRef, { minLength: 1, maxLength: 2 });
const httpFilter = fc.oneof(
  fc.constant({ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x', value: '%y' }] } }),
  fc.constant({ type: 'RequestRedirect', requestRedirect: { scheme: 'https' } }),
  fc.constant({ type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/z' } } }),
  fc.record({
    type: fc.constant('RequestMirror'),
    requestMirror: service.map((name) => ({ backendRef: { name, port: 80 } })),
  }),
  fc.constant({ type: 'CORS', cors: { allowOrigins: ['https://a.example.com'], allowMethods: ['PUT'] } }),
  fc.constant({ type: 'ExtensionRef', extensionRef: { group: 'x.test', kind: 'Y', name: 'z' } }),
  service.map((name) => ({
    type: 'ExternalAuth',
    externalAuth: { protocol: 'GRPC', backendRef: { name, port: 80 }, grpc: {} },
  })),
);
const httpMatch = fc.oneof(
  fc.record({ path: fc.record({ type: fc.constantFrom('Exact', 'PathPrefix'), value: fc.constantFrom('/', '/x') }) }),
  fc.record({ path: regex.map((value) => ({ type: 'RegularExpression', value })) }),
  fc.record({ method: fc.constantFrom('GET', 'PUT'), headers: fc.constant([{ name: 'h', value: 'v' }]) }),
);
export const httpRoutes = ofKind(gatewayVersion, 'HTTPRoute', {
  metadata: meta(['r', 's']),
  spec: fc.record({
    parentRefs,
    hostnames: optional(fc.uniqueArray(host, { maxLength: 2 })),
    rules: fc.array(
      fc.record({
        matches: optional(fc.array(httpMatch, { minLength: 1, maxLength: 2 })),
        filters: optional(fc.uniqueArray(httpFilter, { maxLength: 2, selector: ({ type }) => type })),
        backendRefs: optional(backendRefs),
        timeouts: optional(fc.constant({ request: '3s' })),
        sessionPersistence: optional(fc.constant({ sessionName: 'id' })),
      }),
      { minLength: 1, maxLength: 2 },
    ),
  }),
});
export const grpcRoutes = ofKind(gatewayVersion, 'GRPCRoute', {
  metadata: meta(['r', 'q']),
  spec: fc.record({
    parentRefs,
    hostnames: optional(fc.uniqueArray(host, { maxLength: 2 })),
    rules: fc.array(
      fc.record({ matches: fc.constantFrom([{ method: { service: 'a.B', method: 'C' } }], undefined), backendRefs }),
      { minLength: 1, maxLength: 2 },
    ),
  }),
});
export const streamRoutes = fc.constantFrom('TLSRoute', 'TCPRoute', 'UDPRoute').chain((kind) =>
  ofKind(kind === 'TLSRoute' ? gatewayVersion : 'gateway.networking.k8s.io/v1alpha2', kind, {
    metadata: meta(['r', 't']),
    spec: fc.record({
      parentRefs,
      ...(kind === 'TLSRoute' ? { hostnames: fc.uniqueArray(host, { minLength: 1, maxLength: 2 }) } : {}),
      rules: fc.record({ backendRefs }).map((rule) => [rule]),
    }),
  }),
);
export const grants = ofKind('gateway.networking.k8s.io/v1beta1', 'ReferenceGrant', {
  metadata: meta(['grant']),
  spec: fc.record({
    from: fc
      .record({ kind: fc.constantFrom('HTTPRoute', 'TLSRoute', 'Gateway'), namespace })
      .map((one) => [{ group: 'gateway.networking.k8s.io', ...one }]),
    to: fc.constantFrom('Service', 'Secret').map((kind) => [{ group: '', kind }]),
  }),
});
export const tlsPolicies = ofKind(gatewayVersion, 'BackendTLSPolicy', {
  metadata: meta(['policy', 'second']),
  spec: fc.record({
    targetRefs: fc
      .record({ name: service, sectionName: optional(fc.constantFrom('http', 'tls')) })
      .map((one) => [{ group: '', kind: 'Service', ...one }]),
    validation: fc.constantFrom<object>(
      { hostname: 'web.internal', caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }] },
      { hostname: 'web.internal', wellKnownCACertificates: 'System' },
      { hostname: 'db.internal', caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'none' }] },
    ),
  }),
});
