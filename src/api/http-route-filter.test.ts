import assert from 'node:assert/strict';
import { accepted, changed, type Refusal, refusals } from './testing/expect.ts';

const base = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'shop' },
  spec: { parentRefs: [{ name: 'gw' }], rules: [{ backendRefs: [{ name: 'shop', port: 80 }] }] },
};
const rule = 'spec.rules[0]';
const filter = (...filters: object[]) => [['spec.rules.0.filters', filters]] as const;
const path = (type: string | undefined, value: unknown) =>
  [['spec.rules.0.matches', [{ path: { ...(type === undefined ? {} : { type }), value } }]]] as const;
const header = (name: string, value = 'v') => ({ name, value });
const many = <T>(count: number, item: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => item(i));
const mirror = (more: object) =>
  filter({ type: 'RequestMirror', requestMirror: { backendRef: { name: 'm', port: 80 }, ...more } });
const rewrite = { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/x' } } };
const redirect = { type: 'RequestRedirect', requestRedirect: {} };
const auth = (more: object) =>
  filter({ type: 'ExternalAuth', externalAuth: { backendRef: { name: 'a', port: 80 }, protocol: 'HTTP', ...more } });

describe('filters of an HTTPRoute', () => {
  it('reads percent and fraction of a mirror as one', () => {
    const fraction = (more: object) => {
      const filter = accepted('HTTPRoute', changed(base, ...mirror(more))).spec.rules[0]?.filters[0];
      return filter?.type === 'RequestMirror' ? filter.requestMirror.fraction : undefined;
    };
    assert.deepEqual(fraction({}), { numerator: 100, denominator: 100 });
    assert.deepEqual(fraction({ percent: 5 }), { numerator: 5, denominator: 100 });
    assert.deepEqual(fraction({ percent: 0 }), { numerator: 0, denominator: 100 });
    assert.deepEqual(fraction({ fraction: { numerator: 1, denominator: 3 } }), { numerator: 1, denominator: 3 });
  });

  const rows: readonly Refusal[] = [
    ['a filter without its field', filter({ type: 'CORS' }), `${rule}.filters[0].cors`, 'MissingField'],
    [
      "a filter with another one's field",
      filter({ type: 'CORS', cors: {}, urlRewrite: {} }),
      `${rule}.filters[0].urlRewrite`,
      'InvalidValue',
    ],
    ['an unknown filter', filter({ type: 'Cors' }), `${rule}.filters[0].type`, 'InvalidValue', /did you mean CORS/],
    [
      'a filter twice',
      filter({ type: 'CORS', cors: {} }, { type: 'CORS', cors: {} }),
      `${rule}.filters[1]`,
      'DuplicateValue',
    ],
    [
      '17 filters',
      filter(...many(17, () => ({ type: 'ExtensionRef', extensionRef: { group: '', kind: 'A', name: 'a' } }))),
      `${rule}.filters`,
      'InvalidValue',
    ],
    [
      'a redirect with a rewrite',
      [['spec.rules.0.backendRefs', []], ...filter(redirect, { type: 'URLRewrite', urlRewrite: {} })],
      `${rule}.filters[0]`,
      'InvalidValue',
    ],
    ['a redirect with backends', filter(redirect), `${rule}.filters[0]`, 'InvalidValue', /backendRefs/],
    [
      'an odd redirect status',
      [['spec.rules.0.backendRefs', []], ...filter({ type: 'RequestRedirect', requestRedirect: { statusCode: 304 } })],
      `${rule}.filters[0].requestRedirect.statusCode`,
      'InvalidValue',
      /301, 302/,
    ],
    [
      'a redirect to a wildcard',
      [
        ['spec.rules.0.backendRefs', []],
        ...filter({ type: 'RequestRedirect', requestRedirect: { hostname: '*.a.b' } }),
      ],
      `${rule}.filters[0].requestRedirect.hostname`,
      'InvalidValue',
    ],
    [
      'the replacement of a prefix of an exact path',
      [...path('Exact', '/a'), ...filter(rewrite)],
      `${rule}.filters[0].urlRewrite.path`,
      'InvalidValue',
      /PathPrefix/,
    ],
    [
      'the replacement of a prefix with two matches',
      [['spec.rules.0.matches', [{}, {}]], ...filter(rewrite)],
      `${rule}.filters[0].urlRewrite.path`,
      'InvalidValue',
    ],
    [
      'the same for one backend',
      [...path('Exact', '/a'), ['spec.rules.0.backendRefs.0.filters', [rewrite]]],
      `${rule}.backendRefs[0].filters[0].urlRewrite.path`,
      'InvalidValue',
    ],
    [
      'a path modifier without its field',
      filter({ type: 'URLRewrite', urlRewrite: { path: { type: 'ReplaceFullPath' } } }),
      `${rule}.filters[0].urlRewrite.path.replaceFullPath`,
      'MissingField',
    ],
    [
      'a path modifier with both fields',
      filter({
        type: 'URLRewrite',
        urlRewrite: { path: { type: 'ReplaceFullPath', replaceFullPath: '/', replacePrefixMatch: '/' } },
      }),
      `${rule}.filters[0].urlRewrite.path.replacePrefixMatch`,
      'InvalidValue',
    ],
    [
      'a mirror of percent and fraction',
      mirror({ percent: 1, fraction: { numerator: 1 } }),
      `${rule}.filters[0].requestMirror`,
      'InvalidValue',
    ],
    [
      'a fraction above one',
      mirror({ fraction: { numerator: 2, denominator: 1 } }),
      `${rule}.filters[0].requestMirror.fraction.numerator`,
      'InvalidValue',
    ],
    ['101 percent', mirror({ percent: 101 }), `${rule}.filters[0].requestMirror.percent`, 'InvalidValue'],
    [
      'a mirror without a port',
      mirror({ backendRef: { name: 'm' } }),
      `${rule}.filters[0].requestMirror.backendRef.port`,
      'MissingField',
    ],
    [
      '* among origins',
      filter({ type: 'CORS', cors: { allowOrigins: ['*', 'https://a.b'] } }),
      `${rule}.filters[0].cors.allowOrigins`,
      'InvalidValue',
    ],
    [
      'an origin without a scheme',
      filter({ type: 'CORS', cors: { allowOrigins: ['a.b'] } }),
      `${rule}.filters[0].cors.allowOrigins[0]`,
      'InvalidValue',
    ],
    [
      'a CORS method that is none',
      filter({ type: 'CORS', cors: { allowMethods: ['FETCH'] } }),
      `${rule}.filters[0].cors.allowMethods[0]`,
      'InvalidValue',
    ],
    [
      'a header set twice',
      filter({ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [header('a'), header('a')] } }),
      `${rule}.filters[0].requestHeaderModifier.set[1]`,
      'DuplicateValue',
    ],
    [
      'a header removed twice',
      filter({ type: 'ResponseHeaderModifier', responseHeaderModifier: { remove: ['a', 'a'] } }),
      `${rule}.filters[0].responseHeaderModifier.remove[1]`,
      'DuplicateValue',
    ],
    ['HTTP authorisation without http', auth({}), `${rule}.filters[0].externalAuth.http`, 'MissingField'],
    [
      'HTTP authorisation with grpc',
      auth({ http: {}, grpc: {} }),
      `${rule}.filters[0].externalAuth.grpc`,
      'InvalidValue',
    ],
  ];
  refusals(base, rows);
});
