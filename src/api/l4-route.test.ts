import assert from 'node:assert/strict';
import { accepted, changed, type Refusal, refusals } from './testing/expect.ts';

const base = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'TLSRoute',
  metadata: { name: 'r' },
  spec: { hostnames: ['a.example.com'], rules: [{ backendRefs: [{ name: 'b', port: 443 }] }] },
};
const [rule] = base.spec.rules;

describe('TLSRoute, TCPRoute, UDPRoute', () => {
  it('read every version as one shape', () => {
    const versions = {
      TLSRoute: ['v1', 'v1alpha2', 'v1alpha3'],
      TCPRoute: ['v1', 'v1alpha2'],
      UDPRoute: ['v1', 'v1alpha2'],
    };
    for (const [kind, list] of Object.entries(versions))
      for (const version of list) {
        const hostnames = kind === 'TLSRoute' ? base.spec.hostnames : undefined;
        const read = accepted(
          kind as 'TLSRoute',
          changed(
            base,
            ['kind', kind],
            ['apiVersion', `gateway.networking.k8s.io/${version}`],
            ['spec.hostnames', hostnames],
          ),
        );
        assert.equal(read.apiVersion, 'gateway.networking.k8s.io/v1');
        assert.deepEqual(read.spec.rules, [
          { backendRefs: [{ group: '', kind: 'Service', name: 'b', port: 443, weight: 1 }] },
        ]);
      }
  });

  it('had up to 16 rules, and hostnames at will, in v1alpha2', () => {
    const old = [
      ['apiVersion', 'gateway.networking.k8s.io/v1alpha2'],
      ['spec.rules', [rule, rule]],
    ] as const;
    assert.equal(accepted('TLSRoute', changed(base, ...old, ['spec.hostnames', undefined])).spec.rules.length, 2);
  });

  const rows: readonly Refusal[] = [
    ['no hostnames', [['spec.hostnames', undefined]], 'spec.hostnames', 'MissingField'],
    ['an address for a hostname', [['spec.hostnames', ['1.2.3.4']]], 'spec.hostnames[0]', 'InvalidValue', /SNI/],
    ['a wildcard in the middle', [['spec.hostnames', ['a.*.b']]], 'spec.hostnames[0]', 'InvalidValue'],
    ['two rules', [['spec.rules', [rule, rule]]], 'spec.rules', 'InvalidValue'],
    ['no backends', [['spec.rules', [{ backendRefs: [] }]]], 'spec.rules[0].backendRefs', 'InvalidValue'],
    ['filters', [['spec.rules', [{ ...rule, filters: [] }]]], 'spec.rules[0].filters', 'UnknownField'],
  ];
  refusals(base, rows);
});

const grpc = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'GRPCRoute',
  metadata: { name: 'r' },
  spec: { rules: [{ matches: [{ method: { service: 'shop.v1.Cart' } }], backendRefs: [{ name: 'b', port: 443 }] }] },
};
const method = 'spec.rules[0].matches[0].method';

describe('GRPCRoute', () => {
  it('gets the defaults of the CRD', () => {
    assert.deepEqual(accepted('GRPCRoute', grpc).spec, {
      useDefaultGateways: 'None',
      parentRefs: [],
      hostnames: [],
      rules: [
        {
          matches: [{ method: { type: 'Exact', service: 'shop.v1.Cart' }, headers: [] }],
          filters: [],
          backendRefs: [{ group: '', kind: 'Service', name: 'b', port: 443, weight: 1, filters: [] }],
        },
      ],
    });
  });

  it('need not have rules', () => {
    assert.deepEqual(accepted('GRPCRoute', changed(grpc, ['spec', {}])).spec.rules, []);
  });

  it('takes regular expressions for methods', () => {
    accepted(
      'GRPCRoute',
      changed(grpc, ['spec.rules.0.matches.0.method', { type: 'RegularExpression', method: 'Get.*' }]),
    );
  });

  refusals(grpc, [
    ['neither service nor method', [['spec.rules.0.matches.0.method', {}]], method, 'MissingField'],
    ['a service with a slash', [['spec.rules.0.matches.0.method.service', 'a/b']], `${method}.service`, 'InvalidValue'],
    ['a method with a dot', [['spec.rules.0.matches.0.method.method', 'a.b']], `${method}.method`, 'InvalidValue'],
    [
      'a filter of HTTPRoute',
      [['spec.rules.0.filters', [{ type: 'CORS' }]]],
      'spec.rules[0].filters[0].type',
      'InvalidValue',
    ],
  ]);
});
