import assert from 'node:assert/strict';
import { comparePrecedence, lastPrecedence } from '../model/index.ts';
import { grpcRules } from './testing/rules.ts';

describe('GRPCRoute rules', () => {
  const cases: [name: string, match: string, path: object][] = [
    ['every method', '{}', { type: 'prefix', value: '/' }],
    ['a method', '{method: {service: s.v1.S, method: M}}', { type: 'exact', value: '/s.v1.S/M' }],
    ['a service', '{method: {service: s.v1.S}}', { type: 'prefix', value: '/s.v1.S' }],
    ['a method of any service', '{method: {method: M}}', { type: 'regex', value: '/[^/]+/M' }],
    [
      'expressions',
      '{method: {type: RegularExpression, service: "s|t", method: "Get.*"}}',
      { type: 'regex', value: '/(?:s|t)/(?:Get.*)' },
    ],
    [
      'an expression for the service alone',
      '{method: {type: RegularExpression, service: "s.+"}}',
      { type: 'regex', value: '/(?:s.+)/[^/]+' },
    ],
  ];
  for (const [name, match, path] of cases)
    it(`match ${name}, of gRPC requests only`, () => {
      const { rules } = grpcRules(`- matches: [${match}]\n  backendRefs: [{name: a, port: 80}]`);
      assert.deepEqual(rules[0]?.http, { path, grpc: true });
      assert.deepEqual(rules[0]?.action, {
        type: 'forward',
        backends: [{ backend: 'default/a:80+http2', weight: 1 }],
        missingStatus: 503,
      });
    });

  it('without matches match every gRPC request, and headers in lower case', () => {
    const { rules } = grpcRules(`
- backendRefs: [{name: a, port: 80}]
- matches: [{headers: [{name: X-V, value: "2"}]}]
  backendRefs: [{name: b, port: 80}]`);
    assert.deepEqual(
      rules.map(({ http }) => http),
      [
        { path: { type: 'prefix', value: '/' }, grpc: true },
        { path: { type: 'prefix', value: '/' }, grpc: true, headers: [{ name: 'x-v', type: 'exact', value: '2' }] },
      ],
    );
  });

  it('rank by characters of the service, then of the method, then headers', () => {
    const { rules } = grpcRules(`
- matches:
  - {}
  - {headers: [{name: a, value: b}]}
  - {method: {method: VeryLongMethodName}}
  - {method: {service: s}}
  - {method: {service: s, method: M}}
  - {method: {service: s, method: M}, headers: [{name: a, value: b}]}
  - {method: {service: s.longer}}`);
    const all = rules.map(({ match, precedence }) => ({ ...lastPrecedence, ...precedence, match }));
    assert.deepEqual(
      all
        .reverse()
        .sort(comparePrecedence)
        .map(({ match }) => match),
      [6, 5, 4, 3, 2, 1, 0],
    );
  });

  it('fail as UNAVAILABLE (HTTP 503) where there is no backend', () => {
    const { rules, resolvedRefs } = grpcRules('- backendRefs: [{name: gone, port: 80}]\n- {}');
    assert.deepEqual(
      rules.map(({ action }) => action),
      [
        { type: 'respond', status: 503 },
        { type: 'respond', status: 503 },
      ],
    );
    assert.equal(resolvedRefs.reason, 'BackendNotFound');
  });

  it('with a bad expression are dropped, the others stay', () => {
    const { rules, partiallyInvalid, diagnostics } = grpcRules(`
- matches: [{method: {type: RegularExpression, service: "("}}]
- matches: [{method: {service: s}}]`);
    assert.deepEqual(
      rules.map(({ rule, name }) => [rule, name]),
      [[1, 'GRPCRoute default/r rule 1']],
    );
    assert.equal(partiallyInvalid?.reason, 'UnsupportedValue');
    assert.equal(diagnostics[0]?.field, 'spec.rules[0].matches[0].method.service');
  });

  it('filter and mirror', () => {
    const { rules } = grpcRules(`
- filters:
  - {type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: x, value: y}]}}
  - {type: RequestMirror, requestMirror: {backendRef: {name: b, port: 80}}}
  backendRefs: [{name: a, port: 80}]`);
    assert.deepEqual(rules[0]?.requestHeaders, { add: [{ name: 'x', value: 'y' }] });
    const action = rules[0]?.action;
    assert.deepEqual(action?.type === 'forward' && action.mirrors, [
      { backend: 'default/b:80+http2', numerator: 100, denominator: 100 },
    ]);
  });
});
