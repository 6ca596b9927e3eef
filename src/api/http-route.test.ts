import assert from 'node:assert/strict';
import { accepted, changed, type Refusal, refusals } from './testing/expect.ts';

const base = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'shop' },
  spec: { parentRefs: [{ name: 'gw' }], rules: [{ backendRefs: [{ name: 'shop', port: 80 }] }] },
};
const rule = 'spec.rules[0]';
const path = (type: string | undefined, value: unknown) =>
  [['spec.rules.0.matches', [{ path: { ...(type === undefined ? {} : { type }), value } }]]] as const;
const header = (name: string, value = 'v') => ({ name, value });
const many = <T>(count: number, item: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => item(i));
describe('HTTPRoute', () => {
  it('gets the defaults of the CRD', () => {
    const route = accepted('HTTPRoute', base);
    assert.deepEqual(route, {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: {
        name: 'shop',
        namespace: 'default',
        labels: {},
        annotations: {},
        creationTimestamp: 0,
        generation: 0,
      },
      spec: {
        parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gw' }],
        useDefaultGateways: 'None',
        hostnames: [],
        rules: [
          {
            matches: [{ path: { type: 'PathPrefix', value: '/' }, headers: [], queryParams: [] }],
            filters: [],
            backendRefs: [{ group: '', kind: 'Service', name: 'shop', port: 80, weight: 1, filters: [] }],
          },
        ],
      },
    });
  });

  it('has one rule that matches everything where there are no rules, or no matches', () => {
    for (const change of [
      ['spec.rules', undefined],
      ['spec.rules.0.matches', []],
      ['spec.rules.0.matches', [{}]],
    ] as const) {
      const route = accepted('HTTPRoute', changed(base, change));
      assert.deepEqual(route.spec.rules[0]?.matches, [
        { path: { type: 'PathPrefix', value: '/' }, headers: [], queryParams: [] },
      ]);
    }
  });

  it('fills in either half of a path', () => {
    const half = (path: object) =>
      accepted('HTTPRoute', changed(base, ['spec.rules.0.matches', [{ path }]])).spec.rules[0]?.matches[0]?.path;
    assert.deepEqual(half({ value: '/a' }), { type: 'PathPrefix', value: '/a' });
    assert.deepEqual(half({ type: 'Exact' }), { type: 'Exact', value: '/' });
  });

  it('reads durations as milliseconds', () => {
    const timeouts = { request: '1h1m1s1ms', backendRequest: '250ms' };
    const retry = { backoff: '10s', codes: [503] };
    const raw = changed(base, ['spec.rules.0.timeouts', timeouts], ['spec.rules.0.retry', retry]);
    const read = accepted('HTTPRoute', raw).spec.rules[0];
    assert.deepEqual(read?.timeouts, { request: 3_661_001, backendRequest: 250 });
    assert.deepEqual(read?.retry, { attempts: 1, codes: [503], backoff: 10_000 });
  });

  it('reads both spellings of session persistence as one', () => {
    const read = (persistence: object) =>
      accepted('HTTPRoute', changed(base, ['spec.rules.0.sessionPersistence', persistence])).spec.rules[0]
        ?.sessionPersistence;
    assert.deepEqual(read({ sessionName: 's', cookieConfig: { lifetimeType: 'Permanent' }, absoluteTimeout: '1h' }), {
      type: 'Cookie',
      sessionName: 's',
      absoluteTimeout: 3_600_000,
      cookie: { lifetimeType: 'Permanent' },
    });
    assert.deepEqual(read({ cookie: { name: 's' } }), {
      type: 'Cookie',
      sessionName: 's',
      cookie: { lifetimeType: 'Session', path: '/' },
    });
    assert.deepEqual(read({ type: 'Header', header: { name: 'x-s' } }), { type: 'Header', sessionName: 'x-s' });
  });

  it('keeps the first of headers that differ in case alone, with a warning', async () => {
    const { parseObject } = await import('./parse.ts');
    const { object, diagnostics } = parseObject(
      changed(base, ['spec.rules.0.matches', [{ headers: [header('X-A', '1'), header('x-a', '2')] }]]),
    );
    assert.deepEqual(
      diagnostics.map(({ severity, field }) => `${severity} ${field}`),
      ['warning spec.rules[0].matches[0].headers[1].name'],
    );
    assert.equal(object?.kind === 'HTTPRoute' && object.spec.rules[0]?.matches[0]?.headers.length, 1);
  });

  it('takes a regular expression as it is', () => {
    accepted('HTTPRoute', changed(base, ...path('RegularExpression', '^[a-z]+//..$')));
  });

  const rows: readonly Refusal[] = [
    ['an unknown field', [['spec.rulez', []]], 'spec.rulez', 'UnknownField', /did you mean spec\.rules\?/],
    ['a number for a string', [['spec.hostnames', [7]]], 'spec.hostnames[0]', 'WrongType', /quote it: "7"/],
    [
      'a string for a number',
      [['spec.rules.0.backendRefs.0.port', '80']],
      `${rule}.backendRefs[0].port`,
      'WrongType',
      /without quotes: 80/,
    ],
    [
      'a port that is none',
      [['spec.rules.0.backendRefs.0.port', 70000]],
      `${rule}.backendRefs[0].port`,
      'InvalidValue',
      /1 to 65535/,
    ],
    [
      'a Service without a port',
      [['spec.rules.0.backendRefs.0.port', undefined]],
      `${rule}.backendRefs[0].port`,
      'MissingField',
    ],
    [
      'an XBackend with a port',
      [['spec.rules.0.backendRefs.0', { name: 'b', group: 'gateway.networking.x-k8s.io', kind: 'XBackend', port: 1 }]],
      `${rule}.backendRefs[0].port`,
      'InvalidValue',
    ],
    [
      'a backend without a name',
      [['spec.rules.0.backendRefs.0.name', undefined]],
      `${rule}.backendRefs[0].name`,
      'MissingField',
    ],
    [
      'a weight beyond the limit',
      [['spec.rules.0.backendRefs.0.weight', 1_000_001]],
      `${rule}.backendRefs[0].weight`,
      'InvalidValue',
    ],
    ['no rules in a list of rules', [['spec.rules', []]], 'spec.rules', 'InvalidValue'],
    ['17 rules', [['spec.rules', many(17, () => ({}))]], 'spec.rules', 'InvalidValue'],
    ['65 matches in a rule', [['spec.rules.0.matches', many(65, () => ({}))]], `${rule}.matches`, 'InvalidValue'],
    [
      '129 matches in all',
      [['spec.rules', [...many(2, () => ({ matches: many(64, () => ({})) })), {}]]],
      'spec.rules',
      'InvalidValue',
      /129/,
    ],
    ['17 hostnames', [['spec.hostnames', many(17, (i) => `h${i}.example.com`)]], 'spec.hostnames', 'InvalidValue'],
    ['a hostname in upper case', [['spec.hostnames', ['A.example.com']]], 'spec.hostnames[0]', 'InvalidValue'],
    ['a wildcard inside a hostname', [['spec.hostnames', ['a.*.example.com']]], 'spec.hostnames[0]', 'InvalidValue'],
    ['a hostname with a port', [['spec.hostnames', ['example.com:80']]], 'spec.hostnames[0]', 'InvalidValue'],
    ['two rules of one name', [['spec.rules', [{ name: 'a' }, { name: 'a' }]]], 'spec.rules[1].name', 'DuplicateValue'],
    ['33 parents', [['spec.parentRefs', many(33, (i) => ({ name: `g${i}` }))]], 'spec.parentRefs', 'InvalidValue'],
    [
      'the same parent twice',
      [['spec.parentRefs', [{ name: 'a' }, { name: 'a' }]]],
      'spec.parentRefs[1]',
      'DuplicateValue',
    ],
    [
      'the same section twice',
      [
        [
          'spec.parentRefs',
          [
            { name: 'a', sectionName: 's' },
            { name: 'a', sectionName: 's' },
          ],
        ],
      ],
      'spec.parentRefs[1]',
      'DuplicateValue',
    ],
    [
      'a parent with and without a section',
      [['spec.parentRefs', [{ name: 'a', sectionName: 's' }, { name: 'a' }]]],
      'spec.parentRefs[1]',
      'InvalidValue',
    ],
    ['a relative path', path('Exact', 'a'), `${rule}.matches[0].path.value`, 'InvalidValue', /begin with \//],
    ['// in a path', path('PathPrefix', '/a//b'), `${rule}.matches[0].path.value`, 'InvalidValue'],
    ['/./ in a path', path('Exact', '/a/./b'), `${rule}.matches[0].path.value`, 'InvalidValue'],
    ['/../ in a path', path(undefined, '/a/../b'), `${rule}.matches[0].path.value`, 'InvalidValue'],
    ['an encoded slash in a path', path('Exact', '/a%2Fb'), `${rule}.matches[0].path.value`, 'InvalidValue'],
    ['a fragment in a path', path('Exact', '/a#b'), `${rule}.matches[0].path.value`, 'InvalidValue'],
    ['a path that ends with /..', path('Exact', '/a/..'), `${rule}.matches[0].path.value`, 'InvalidValue'],
    ['a path that ends with /.', path('Exact', '/a/.'), `${rule}.matches[0].path.value`, 'InvalidValue'],
    ['a space in a path', path('Exact', '/a b'), `${rule}.matches[0].path.value`, 'InvalidValue'],
    ['half a percent escape in a path', path('Exact', '/a%2'), `${rule}.matches[0].path.value`, 'InvalidValue'],
    [
      'a path of 1025 characters',
      path('Exact', `/${'a'.repeat(1024)}`),
      `${rule}.matches[0].path.value`,
      'InvalidValue',
      /1024/,
    ],
    ['an unknown path type', path('Prefix', '/'), `${rule}.matches[0].path.type`, 'InvalidValue', /PathPrefix/],
    [
      'a method in lower case',
      [['spec.rules.0.matches', [{ method: 'get' }]]],
      `${rule}.matches[0].method`,
      'InvalidValue',
      /did you mean GET/,
    ],
    [
      'the same header twice',
      [['spec.rules.0.matches', [{ headers: [header('a'), header('a')] }]]],
      `${rule}.matches[0].headers[1]`,
      'DuplicateValue',
    ],
    [
      'a header name with a space',
      [['spec.rules.0.matches', [{ headers: [header('a b')] }]]],
      `${rule}.matches[0].headers[0].name`,
      'InvalidValue',
    ],
    [
      'a header value with a line break',
      [['spec.rules.0.matches', [{ headers: [header('a', 'b\nc')] }]]],
      `${rule}.matches[0].headers[0].value`,
      'InvalidValue',
    ],
    [
      'the same query parameter twice',
      [['spec.rules.0.matches', [{ queryParams: [header('a'), header('a')] }]]],
      `${rule}.matches[0].queryParams[1]`,
      'DuplicateValue',
    ],
    [
      '17 headers',
      [['spec.rules.0.matches', [{ headers: many(17, (i) => header(`h${i}`)) }]]],
      `${rule}.matches[0].headers`,
      'InvalidValue',
    ],
    [
      'a duration without a unit',
      [['spec.rules.0.timeouts', { request: '10' }]],
      `${rule}.timeouts.request`,
      'InvalidValue',
      /10s/,
    ],
    [
      'a fractional duration',
      [['spec.rules.0.timeouts', { request: '1.5s' }]],
      `${rule}.timeouts.request`,
      'InvalidValue',
    ],
    [
      'a try that outlasts its request',
      [['spec.rules.0.timeouts', { request: '1s', backendRequest: '2s' }]],
      `${rule}.timeouts.backendRequest`,
      'InvalidValue',
    ],
    ['a retry on success', [['spec.rules.0.retry', { codes: [200] }]], `${rule}.retry.codes[0]`, 'InvalidValue'],
    ['a retry code twice', [['spec.rules.0.retry', { codes: [503, 503] }]], `${rule}.retry.codes[1]`, 'DuplicateValue'],
    [
      'a permanent cookie without a timeout',
      [['spec.rules.0.sessionPersistence', { cookieConfig: { lifetimeType: 'Permanent' } }]],
      `${rule}.sessionPersistence.absoluteTimeout`,
      'MissingField',
    ],
    [
      'a cookie with header persistence',
      [['spec.rules.0.sessionPersistence', { type: 'Header', cookieConfig: {} }]],
      `${rule}.sessionPersistence.cookieConfig`,
      'InvalidValue',
    ],
    [
      'two spellings of persistence at once',
      [['spec.rules.0.sessionPersistence', { sessionName: 'a', cookie: {} }]],
      `${rule}.sessionPersistence`,
      'InvalidValue',
    ],
  ];
  refusals(base, rows);
});
