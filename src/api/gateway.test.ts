import assert from 'node:assert/strict';
import { accepted, changed, type Refusal, refusals } from './testing/expect.ts';

const base = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  metadata: { name: 'gw' },
  spec: {
    gatewayClassName: 'cilium',
    listeners: [
      { name: 'http', port: 80, protocol: 'HTTP' },
      { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'cert' }] } },
    ],
  },
};
const listenerSet = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'ListenerSet',
  metadata: { name: 'set' },
  spec: { parentRef: { name: 'gw' }, listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
};
const gatewayClass = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'GatewayClass',
  metadata: { name: 'cilium' },
  spec: { controllerName: 'io.cilium/gateway-controller' },
};
const http = 'spec.listeners[0]';
const https = 'spec.listeners[1]';
const listeners = (...list: object[]) => [['spec.listeners', list]] as const;
const ca = { group: '', kind: 'ConfigMap', name: 'ca' };
const trustBundle = { group: 'certificates.k8s.io', kind: 'ClusterTrustBundle', name: 'b', namespace: 'x' };
const frontend = (perPort: object[]) => [['spec.tls', { frontend: { default: {}, perPort } }]] as const;

describe('Gateway', () => {
  it('gets the defaults of the CRD', () => {
    const { spec } = accepted('Gateway', base);
    assert.deepEqual(spec.listeners[0], {
      name: 'http',
      port: 80,
      protocol: 'HTTP',
      allowedRoutes: { namespaces: { from: 'Same' }, kinds: [] },
      filters: [],
    });
    assert.deepEqual(spec.listeners[1]?.tls, {
      mode: 'Terminate',
      certificateRefs: [{ group: '', kind: 'Secret', name: 'cert' }],
      options: {},
    });
    assert.deepEqual(spec.allowedListeners, { from: 'None' });
    assert.deepEqual(spec.addresses, []);
    assert.equal(spec.defaultScope, 'None');
  });

  it('reads v1beta1 as v1', () => {
    const { apiVersion } = accepted('Gateway', changed(base, ['apiVersion', 'gateway.networking.k8s.io/v1beta1']));
    assert.equal(apiVersion, 'gateway.networking.k8s.io/v1');
  });

  it('reads client certificates, for all ports and for some', () => {
    const validation = { caCertificateRefs: [ca] };
    const perPort = [{ port: 443, tls: { validation: { ...validation, mode: 'AllowInsecureFallback' } } }];
    const tls = { frontend: { default: { validation }, perPort }, backend: { clientCertificateRef: { name: 'c' } } };
    assert.deepEqual(accepted('Gateway', changed(base, ['spec.tls', tls])).spec.tls, {
      frontend: { default: { validation: { caCertificateRefs: [ca], mode: 'AllowValidOnly' } }, perPort },
      backend: { clientCertificateRef: { group: '', kind: 'Secret', name: 'c' } },
    });
  });

  it('takes the same port for different hostnames, and a wildcard', () => {
    const listener = { port: 80, protocol: 'HTTP' };
    accepted(
      'Gateway',
      changed(base, ...listeners({ ...listener, name: 'a', hostname: '*.a.b' }, { ...listener, name: 'b' })),
    );
  });

  it('takes Passthrough with TLS, without certificates', () => {
    accepted(
      'Gateway',
      changed(base, ...listeners({ name: 'a', port: 1, protocol: 'TLS', tls: { mode: 'Passthrough' } })),
    );
  });

  it('takes a status along, and does not keep it', () => {
    assert.equal('status' in accepted('Gateway', changed(base, ['status', { anything: 1 }])), false);
  });

  const rows: readonly Refusal[] = [
    ['a missing class', [['spec.gatewayClassName', undefined]], 'spec.gatewayClassName', 'MissingField'],
    ['no listeners', listeners(), 'spec.listeners', 'InvalidValue'],
    [
      'two listeners of one name',
      listeners({ name: 'a', port: 1, protocol: 'HTTP' }, { name: 'a', port: 2, protocol: 'HTTP' }),
      https,
      'DuplicateValue',
    ],
    [
      'two listeners of one port, protocol and hostname',
      listeners({ name: 'a', port: 1, protocol: 'HTTP' }, { name: 'b', port: 1, protocol: 'HTTP' }),
      https,
      'DuplicateValue',
      /listener a/,
    ],
    ['a listener name in upper case', [['spec.listeners.0.name', 'A']], `${http}.name`, 'InvalidValue'],
    ['port 0', [['spec.listeners.0.port', 0]], `${http}.port`, 'InvalidValue'],
    ['a protocol with a space', [['spec.listeners.0.protocol', 'HT TP']], `${http}.protocol`, 'InvalidValue'],
    [
      'TLS settings on HTTP',
      [['spec.listeners.0.tls', { certificateRefs: [{ name: 'a' }] }]],
      `${http}.tls`,
      'InvalidValue',
    ],
    [
      'Passthrough with HTTPS',
      [['spec.listeners.1.tls', { mode: 'Passthrough' }]],
      `${https}.tls.mode`,
      'InvalidValue',
    ],
    ['TLS without TLS settings', listeners({ name: 'a', port: 1, protocol: 'TLS' }), `${http}.tls`, 'MissingField'],
    ['Terminate without a certificate', [['spec.listeners.1.tls', {}]], `${https}.tls.certificateRefs`, 'MissingField'],
    [
      'a hostname on TCP',
      listeners({ name: 'a', port: 1, protocol: 'TCP', hostname: 'a.b' }),
      `${http}.hostname`,
      'InvalidValue',
    ],
    [
      'filters on TCP',
      listeners({
        name: 'a',
        port: 1,
        protocol: 'TCP',
        filters: { requests: [{ type: 'ExtensionRef', extensionRef: ca }] },
      }),
      `${http}.filters`,
      'InvalidValue',
    ],
    [
      'a filter that listeners do not have',
      [['spec.listeners.0.filters', { requests: [{ type: 'CORS' }] }]],
      `${http}.filters.requests[0].type`,
      'InvalidValue',
    ],
    [
      'None for routes',
      [['spec.listeners.0.allowedRoutes', { namespaces: { from: 'None' } }]],
      `${http}.allowedRoutes.namespaces.from`,
      'InvalidValue',
    ],
    [
      'a selector operator that is none',
      [
        [
          'spec.listeners.0.allowedRoutes',
          { namespaces: { from: 'Selector', selector: { matchExpressions: [{ key: 'a', operator: 'Is' }] } } },
        ],
      ],
      `${http}.allowedRoutes.namespaces.selector.matchExpressions[0].operator`,
      'InvalidValue',
    ],
    [
      'In without values',
      [
        [
          'spec.allowedListeners',
          { namespaces: { from: 'Selector', selector: { matchExpressions: [{ key: 'a', operator: 'In' }] } } },
        ],
      ],
      'spec.allowedListeners.namespaces.selector.matchExpressions[0].values',
      'MissingField',
    ],
    [
      'nine kinds of routes',
      [['spec.listeners.0.allowedRoutes', { kinds: Array.from({ length: 9 }, () => ({ kind: 'HTTPRoute' })) }]],
      `${http}.allowedRoutes.kinds`,
      'InvalidValue',
    ],
    [
      'an address that is none',
      [['spec.addresses', [{ value: '1.2.3' }]]],
      'spec.addresses[0].value',
      'InvalidValue',
      /IPv4 or IPv6/,
    ],
    [
      'an address twice',
      [['spec.addresses', [{ value: '1.2.3.4' }, { value: '1.2.3.4' }]]],
      'spec.addresses[1].value',
      'DuplicateValue',
    ],
    [
      'a hostname address with a path',
      [['spec.addresses', [{ type: 'Hostname', value: 'a/b' }]]],
      'spec.addresses[0].value',
      'InvalidValue',
    ],
    [
      'an address type without a domain',
      [['spec.addresses', [{ type: 'Foo' }]]],
      'spec.addresses[0].type',
      'InvalidValue',
    ],
    [
      'nine labels of infrastructure',
      [['spec.infrastructure', { labels: Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`l${i}`, 'x'])) }]],
      'spec.infrastructure.labels',
      'InvalidValue',
    ],
    [
      'client validation without a default',
      [['spec.tls', { frontend: { perPort: [] } }]],
      'spec.tls.frontend.default',
      'MissingField',
    ],
    [
      'client validation twice for a port',
      frontend([
        { port: 1, tls: {} },
        { port: 1, tls: {} },
      ]),
      'spec.tls.frontend.perPort[1]',
      'DuplicateValue',
    ],
    [
      'no CA',
      frontend([{ port: 1, tls: { validation: { caCertificateRefs: [] } } }]),
      'spec.tls.frontend.perPort[0].tls.validation.caCertificateRefs',
      'InvalidValue',
    ],
    [
      'a ClusterTrustBundle in a namespace',
      frontend([{ port: 1, tls: { validation: { caCertificateRefs: [trustBundle] } } }]),
      'spec.tls.frontend.perPort[0].tls.validation.caCertificateRefs[0].namespace',
      'InvalidValue',
    ],
    ['a name in upper case', [['metadata.name', 'GW']], 'metadata.name', 'InvalidValue'],
  ];
  refusals(base, rows);
});

describe('ListenerSet', () => {
  it('is what an XListenerSet is read as', () => {
    const stable = accepted('ListenerSet', listenerSet);
    const experimental = changed(
      listenerSet,
      ['apiVersion', 'gateway.networking.x-k8s.io/v1alpha1'],
      ['kind', 'XListenerSet'],
    );
    assert.deepEqual(accepted('ListenerSet', experimental), stable);
    assert.deepEqual(stable.spec.parentRef, { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gw' });
  });

  it('is what references to an XListenerSet are read as', () => {
    const parent = { group: 'gateway.networking.x-k8s.io', kind: 'XListenerSet', name: 'set' };
    const route = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'TCPRoute',
      metadata: { name: 'r' },
      spec: { parentRefs: [parent], rules: [{ backendRefs: [{ name: 'a', port: 1 }] }] },
    };
    assert.deepEqual(accepted('TCPRoute', route).spec.parentRefs, [
      { group: 'gateway.networking.k8s.io', kind: 'ListenerSet', name: 'set' },
    ]);
  });

  refusals(listenerSet, [
    ['no parent', [['spec.parentRef', undefined]], 'spec.parentRef', 'MissingField'],
    ['a section of its parent', [['spec.parentRef.sectionName', 'a']], 'spec.parentRef.sectionName', 'UnknownField'],
    ['a wrong listener', [['spec.listeners.0.port', 'http']], `${http}.port`, 'WrongType'],
  ]);
});

describe('GatewayClass', () => {
  it('is of no namespace', () => {
    const read = accepted('GatewayClass', changed(gatewayClass, ['metadata.namespace', 'shop']));
    assert.equal(read.metadata.namespace, undefined);
  });

  refusals(gatewayClass, [
    ['a controller without a domain', [['spec.controllerName', 'cilium']], 'spec.controllerName', 'InvalidValue'],
    ['a long description', [['spec.description', 'x'.repeat(65)]], 'spec.description', 'InvalidValue'],
    [
      'parameters without a kind',
      [['spec.parametersRef', { group: '', name: 'a' }]],
      'spec.parametersRef.kind',
      'MissingField',
    ],
  ]);
});
