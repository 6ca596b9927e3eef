import assert from 'node:assert/strict';
import { accepted, changed, refusals } from './testing/expect.ts';

const grant = {
  apiVersion: 'gateway.networking.k8s.io/v1beta1',
  kind: 'ReferenceGrant',
  metadata: { name: 'g', namespace: 'shop' },
  spec: {
    from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'web' }],
    to: [{ group: '', kind: 'Service' }],
  },
};

describe('ReferenceGrant', () => {
  it('is the same in all versions', () => {
    for (const version of ['v1', 'v1beta1', 'v1alpha2']) {
      const raw = changed(grant, ['apiVersion', `gateway.networking.k8s.io/${version}`]);
      assert.deepEqual(accepted('ReferenceGrant', raw).spec, grant.spec);
    }
  });

  refusals(grant, [
    ['no from', [['spec.from', []]], 'spec.from', 'InvalidValue'],
    ['from without a namespace', [['spec.from.0.namespace', undefined]], 'spec.from[0].namespace', 'MissingField'],
    ['to without a group', [['spec.to.0.group', undefined]], 'spec.to[0].group', 'MissingField'],
    ['a name in from', [['spec.from.0.name', 'a']], 'spec.from[0].name', 'UnknownField'],
  ]);
});

const policy = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'BackendTLSPolicy',
  metadata: { name: 'p' },
  spec: {
    targetRefs: [{ group: '', kind: 'Service', name: 'b' }],
    validation: { hostname: 'b.example.com', wellKnownCACertificates: 'System' },
  },
};
const san = (...names: object[]) => [['spec.validation.subjectAltNames', names]] as const;
const targets = (...more: object[]) =>
  [['spec.targetRefs', more.map((each) => ({ group: '', kind: 'Service', name: 'b', ...each }))]] as const;
const sans = 'spec.validation.subjectAltNames[0]';

describe('BackendTLSPolicy', () => {
  it('gets empty lists for what is absent', () => {
    assert.deepEqual(accepted('BackendTLSPolicy', policy).spec, {
      targetRefs: [{ group: '', kind: 'Service', name: 'b' }],
      validation: {
        caCertificateRefs: [],
        wellKnownCACertificates: 'System',
        hostname: 'b.example.com',
        subjectAltNames: [],
      },
      options: {},
    });
  });

  it('takes several sections of one Service', () => {
    accepted('BackendTLSPolicy', changed(policy, ...targets({ sectionName: 'a' }, { sectionName: 'b' })));
  });

  refusals(policy, [
    ['no targets', targets(), 'spec.targetRefs', 'InvalidValue'],
    ['the same target twice', targets({}, {}), 'spec.targetRefs[1]', 'DuplicateValue'],
    [
      'the same section twice',
      targets({ sectionName: 'a' }, { sectionName: 'a' }),
      'spec.targetRefs[1]',
      'DuplicateValue',
    ],
    ['a target with and without a section', targets({}, { sectionName: 'a' }), 'spec.targetRefs[1]', 'InvalidValue'],
    ['no CA', [['spec.validation.wellKnownCACertificates', undefined]], 'spec.validation', 'InvalidValue', /neither/],
    [
      'two kinds of CA',
      [['spec.validation.caCertificateRefs', [{ group: '', kind: 'ConfigMap', name: 'a' }]]],
      'spec.validation',
      'InvalidValue',
      /both/,
    ],
    [
      'unknown well-known CAs',
      [['spec.validation.wellKnownCACertificates', 'Mozilla']],
      'spec.validation.wellKnownCACertificates',
      'InvalidValue',
    ],
    ['a wildcard for SNI', [['spec.validation.hostname', '*.b']], 'spec.validation.hostname', 'InvalidValue'],
    ['a hostname SAN without a hostname', san({ type: 'Hostname' }), `${sans}.hostname`, 'MissingField'],
    [
      'a URI SAN with a hostname',
      san({ type: 'URI', uri: 'spiffe://a/b', hostname: 'a.b' }),
      `${sans}.hostname`,
      'InvalidValue',
    ],
    ['a relative URI', san({ type: 'URI', uri: '/a' }), `${sans}.uri`, 'InvalidValue'],
    [
      'six SANs',
      san(...Array.from({ length: 6 }, () => ({ type: 'Hostname', hostname: 'a.b' }))),
      'spec.validation.subjectAltNames',
      'InvalidValue',
    ],
  ]);
});
