import assert from 'node:assert/strict';
import { parseObject } from './parse.ts';
import { accepted, changed, type Refusal, refusals } from './testing/expect.ts';

const service = { service: { name: 'shop', port: { number: 80 } } };
const base = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: { name: 'shop' },
  spec: {
    ingressClassName: 'cilium',
    rules: [{ host: 'a.example.com', http: { paths: [{ path: '/a', pathType: 'Prefix', backend: service }] } }],
  },
};
const rule = 'spec.rules[0]';
const path = `${rule}.http.paths[0]`;
const first = 'spec.rules.0.http.paths.0';

describe('Ingress', () => {
  it('is read', () => {
    assert.deepEqual(accepted('Ingress', base).spec, {
      ingressClassName: 'cilium',
      tls: [],
      rules: [
        {
          host: 'a.example.com',
          paths: [{ pathType: 'Prefix', path: '/a', backend: { service: { name: 'shop', port: 80 } } }],
        },
      ],
    });
  });

  it('may have a default backend alone, and rules without paths', () => {
    const { spec } = accepted(
      'Ingress',
      changed(base, ['spec', { defaultBackend: service, rules: [{ host: 'a.b' }] }]),
    );
    assert.deepEqual(spec.rules, [{ host: 'a.b', paths: [] }]);
    assert.deepEqual(spec.defaultBackend, { service: { name: 'shop', port: 80 } });
  });

  it('takes a port by name, and a resource', () => {
    const byName = changed(base, [`${first}.backend.service.port`, { name: 'http' }]);
    assert.equal(accepted('Ingress', byName).spec.rules[0]?.paths[0]?.backend.service?.port, 'http');
    const resource = { apiGroup: 'a.b', kind: 'Bucket', name: 'c' };
    const read = accepted('Ingress', changed(base, [`${first}.backend`, { resource }])).spec.rules[0]?.paths[0]
      ?.backend;
    assert.deepEqual(read, { resource: { group: 'a.b', kind: 'Bucket', name: 'c' } });
  });

  it('takes what may be empty as absent', () => {
    const read = accepted(
      'Ingress',
      changed(
        base,
        ['spec.rules.0.host', ''],
        [`${first}.path`, undefined],
        [`${first}.pathType`, 'ImplementationSpecific'],
        ['spec.tls', [{ hosts: ['a.b'], secretName: '' }]],
      ),
    ).spec;
    assert.deepEqual(read.rules[0]?.paths[0]?.path, '/');
    assert.equal('host' in (read.rules[0] ?? {}), false);
    assert.deepEqual(read.tls, [{ hosts: ['a.b'] }]);
  });

  it('takes a regular expression where the implementation decides', () => {
    accepted(
      'Ingress',
      changed(base, [`${first}.path`, '/a/(b|c)//.*'], [`${first}.pathType`, 'ImplementationSpecific']),
    );
  });

  it('warns of a class that is named twice', () => {
    const raw = changed(base, ['metadata.annotations', { 'kubernetes.io/ingress.class': 'nginx' }]);
    const { object, diagnostics } = parseObject(raw);
    assert.equal(object?.kind, 'Ingress');
    assert.deepEqual(
      diagnostics.map(({ severity, field }) => `${severity} ${field}`),
      ['warning metadata.annotations["kubernetes.io/ingress.class"]'],
    );
  });

  const rows: readonly Refusal[] = [
    ['neither rules nor a default backend', [['spec.rules', []]], 'spec.rules', 'MissingField'],
    ['a missing path type', [[`${first}.pathType`, undefined]], `${path}.pathType`, 'MissingField'],
    [
      'an unknown path type',
      [[`${first}.pathType`, 'prefix']],
      `${path}.pathType`,
      'InvalidValue',
      /did you mean Prefix/,
    ],
    ['a relative path', [[`${first}.path`, 'a']], `${path}.path`, 'InvalidValue', /begin with \//],
    ['no path with Prefix', [[`${first}.path`, undefined]], `${path}.path`, 'InvalidValue'],
    ['// in a path', [[`${first}.path`, '/a//b']], `${path}.path`, 'InvalidValue'],
    ['a path that ends with /..', [[`${first}.path`, '/a/..']], `${path}.path`, 'InvalidValue'],
    [
      'a relative regular expression',
      [
        [`${first}.path`, '.*'],
        [`${first}.pathType`, 'ImplementationSpecific'],
      ],
      `${path}.path`,
      'InvalidValue',
    ],
    ['no paths', [['spec.rules.0.http.paths', []]], `${rule}.http.paths`, 'InvalidValue'],
    ['an address for a host', [['spec.rules.0.host', '1.2.3.4']], `${rule}.host`, 'InvalidValue', /IP address/],
    ['a wildcard alone', [['spec.rules.0.host', '*']], `${rule}.host`, 'InvalidValue'],
    ['a wildcard in the middle', [['spec.rules.0.host', 'a.*.b']], `${rule}.host`, 'InvalidValue'],
    [
      'a port by name and number',
      [[`${first}.backend.service.port.name`, 'a']],
      `${path}.backend.service.port`,
      'InvalidValue',
      /both/,
    ],
    [
      'a port by neither',
      [[`${first}.backend.service.port`, {}]],
      `${path}.backend.service.port`,
      'InvalidValue',
      /neither/,
    ],
    [
      'a port name that is none',
      [[`${first}.backend.service.port`, { name: 'not_a_port' }]],
      `${path}.backend.service.port.name`,
      'InvalidValue',
    ],
    ['a backend of neither kind', [[`${first}.backend`, {}]], `${path}.backend`, 'InvalidValue'],
    [
      'a backend of both kinds',
      [[`${first}.backend.resource`, { kind: 'A', name: 'a' }]],
      `${path}.backend`,
      'InvalidValue',
    ],
    ['a Secret name with a slash', [['spec.tls', [{ secretName: 'a/b' }]]], 'spec.tls[0].secretName', 'InvalidValue'],
    ['an address for a TLS host', [['spec.tls', [{ hosts: ['::1'] }]]], 'spec.tls[0].hosts[0]', 'InvalidValue'],
  ];
  refusals(base, rows);

  it('tells about the shape of v1beta1', () => {
    const { object, diagnostics } = parseObject(
      changed(base, [`${first}.backend`, { serviceName: 'a', servicePort: 1 }]),
    );
    assert.equal(object, undefined);
    assert.deepEqual(new Set(diagnostics.map(({ reason }) => reason)), new Set(['UnknownField']));
  });
});

const ingressClass = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IngressClass',
  metadata: { name: 'cilium' },
  spec: { controller: 'cilium.io/ingress-controller' },
};

describe('IngressClass', () => {
  it('has parameters of the cluster unless it says otherwise', () => {
    const parameters = { apiGroup: 'a.b', kind: 'P', name: 'p' };
    const read = accepted('IngressClass', changed(ingressClass, ['spec.parameters', parameters]));
    assert.deepEqual(read.spec.parameters, { group: 'a.b', kind: 'P', name: 'p', scope: 'Cluster' });
  });

  refusals(ingressClass, [
    ['no controller', [['spec.controller', undefined]], 'spec.controller', 'MissingField'],
    ['a controller without a domain', [['spec.controller', 'cilium']], 'spec.controller', 'InvalidValue'],
    [
      'parameters of a namespace that is not named',
      [['spec.parameters', { kind: 'P', name: 'p', scope: 'Namespace' }]],
      'spec.parameters.namespace',
      'InvalidValue',
    ],
    [
      'parameters of the cluster in a namespace',
      [['spec.parameters', { kind: 'P', name: 'p', namespace: 'n' }]],
      'spec.parameters.namespace',
      'InvalidValue',
    ],
  ]);
});
