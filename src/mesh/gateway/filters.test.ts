import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { HeaderChanges } from '../model/index.ts';
import { headerChanges, thenChanges } from './filters-headers.ts';
import { pathPrefix } from './filters-path.ts';
import { httpRules } from './testing/rules.ts';

const to = 'backendRefs: [{name: a, port: 80}]';

function one(rules: string) {
  const result = httpRules(rules);
  const output = result.rules[0];
  assert.ok(output);
  return { ...result, output };
}

function forward(rules: string) {
  const result = one(rules);
  assert.ok(result.output.action.type === 'forward');
  return { ...result, action: result.output.action };
}

describe('HTTPRoute filters', () => {
  it('modify request and response headers', () => {
    const { output } = one(`
- filters:
  - type: RequestHeaderModifier
    requestHeaderModifier: {set: [{name: X-Set, value: "%DATE%"}], add: [{name: x-add, value: b}], remove: [x-gone]}
  - type: ResponseHeaderModifier
    responseHeaderModifier: {remove: [server]}
  ${to}`);
    assert.deepEqual(output.requestHeaders, {
      set: [{ name: 'X-Set', value: '%DATE%' }],
      add: [{ name: 'x-add', value: 'b' }],
      remove: ['x-gone'],
    });
    assert.deepEqual(output.responseHeaders, { remove: ['server'] });
  });

  it('warn of several actions for one header; removal wins', () => {
    const { output, diagnostics } = one(`
- filters:
  - type: RequestHeaderModifier
    requestHeaderModifier: {set: [{name: X, value: a}], add: [{name: y, value: b}], remove: [x]}
  ${to}`);
    assert.deepEqual(output.requestHeaders, { add: [{ name: 'y', value: 'b' }], remove: ['x'] });
    assert.deepEqual(
      diagnostics.map((each) => [each.severity, each.field]),
      [['warning', 'spec.rules[0].filters[0].requestHeaderModifier']],
    );
  });

  it('set the host as a rewrite, which Envoy would refuse as a header; adding to it drops the rule', () => {
    const filter = (changes: string) =>
      `- filters: [{type: RequestHeaderModifier, requestHeaderModifier: ${changes}}]\n  ${to}`;
    const { action, output } = forward(filter('{set: [{name: Host, value: b.example}, {name: x, value: y}]}'));
    assert.deepEqual(action.rewrite, { hostname: 'b.example' });
    assert.deepEqual(output.requestHeaders, { set: [{ name: 'x', value: 'y' }] });
    const refused = httpRules(filter('{remove: [host]}'));
    assert.deepEqual([refused.rules, refused.accepted.reason], [[], 'UnsupportedValue']);
  });

  it('join the headers of a rule and of its backends in order: requests rule first, responses backend first', () => {
    const { output, action } = forward(`
- filters:
  - type: RequestHeaderModifier
    requestHeaderModifier: {set: [{name: x, value: rule}, {name: only, value: rule}]}
  - type: ResponseHeaderModifier
    responseHeaderModifier: {set: [{name: x, value: rule}]}
  backendRefs:
  - name: a
    port: 80
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier: {set: [{name: X, value: backend}]}
    - type: ResponseHeaderModifier
      responseHeaderModifier: {set: [{name: X, value: backend}]}
  - {name: b, port: 80}`);
    assert.deepEqual([output.requestHeaders, output.responseHeaders], [undefined, undefined]);
    assert.deepEqual(action.backends, [
      {
        backend: 'default/a:80',
        weight: 1,
        requestHeaders: {
          set: [
            { name: 'only', value: 'rule' },
            { name: 'X', value: 'backend' },
          ],
        },
        responseHeaders: { set: [{ name: 'x', value: 'rule' }] },
      },
      {
        backend: 'default/b:80',
        weight: 1,
        requestHeaders: {
          set: [
            { name: 'x', value: 'rule' },
            { name: 'only', value: 'rule' },
          ],
        },
        responseHeaders: { set: [{ name: 'x', value: 'rule' }] },
      },
    ]);
  });

  for (const [name, yaml, redirect] of [
    ['nothing but a status', '{}', { status: 302 }],
    ['a scheme', '{scheme: https, statusCode: 301}', { scheme: 'https', status: 301 }],
    [
      'host, port and whole path',
      '{hostname: b.example, port: 8443, path: {type: ReplaceFullPath, replaceFullPath: /x}, statusCode: 307}',
      { hostname: 'b.example', port: 8443, path: { type: 'full', value: '/x' }, status: 307 },
    ],
    [
      'a prefix',
      '{path: {type: ReplacePrefixMatch, replacePrefixMatch: /x/}, statusCode: 308}',
      { path: { type: 'prefix', value: '/x' }, status: 308 },
    ],
  ] as const)
    it(`redirect with ${name}`, () => {
      const { output } = one(`- filters: [{type: RequestRedirect, requestRedirect: ${yaml}}]`);
      assert.deepEqual(output.action, { type: 'redirect', ...redirect });
    });

  it('rewrite host and path', () => {
    const filter =
      '{type: URLRewrite, urlRewrite: {hostname: b.example, path: {type: ReplacePrefixMatch, replacePrefixMatch: ""}}}';
    const { action } = forward(`- matches: [{path: {value: /a}}]\n  filters: [${filter}]\n  ${to}`);
    assert.deepEqual(action.rewrite, { hostname: 'b.example', path: { type: 'prefix', value: '/' } });
  });

  it('mirror to several backends, some of the requests; a mirror that is not there harms no request', () => {
    const { action, resolvedRefs, diagnostics, backends } = forward(`
- filters:
  - {type: RequestMirror, requestMirror: {backendRef: {name: b, port: 80}}}
  - {type: RequestMirror, requestMirror: {backendRef: {name: c, port: 80}, percent: 42}}
  - {type: RequestMirror, requestMirror: {backendRef: {name: c, port: 80}, fraction: {numerator: 1, denominator: 3}}}
  - {type: RequestMirror, requestMirror: {backendRef: {name: gone, port: 80}}}
  - {type: RequestMirror, requestMirror: {backendRef: {name: b, namespace: other, port: 80}}}
  ${to}`);
    assert.deepEqual(action.mirrors, [
      { backend: 'default/b:80', numerator: 100, denominator: 100 },
      { backend: 'default/c:80', numerator: 42, denominator: 100 },
      { backend: 'default/c:80', numerator: 1, denominator: 3 },
    ]);
    assert.deepEqual([resolvedRefs.ok, resolvedRefs.reason], [false, 'BackendNotFound']);
    assert.deepEqual(
      diagnostics.map(({ reason, field }) => [reason, field]),
      [
        ['BackendNotFound', 'spec.rules[0].filters[3].requestMirror.backendRef.name'],
        ['RefNotPermitted', 'spec.rules[0].filters[4].requestMirror.backendRef.namespace'],
      ],
    );
    assert.deepEqual(backends.map(({ name }) => name).sort(), ['default/a:80', 'default/b:80', 'default/c:80']);
  });

  it('answer CORS preflights also where a rule matches by method', () => {
    const { rules } = httpRules(`
- matches: [{method: PUT, path: {value: /a}, headers: [{name: h, value: v}]}, {path: {value: /b}}]
  filters: [{type: CORS, cors: {allowOrigins: ["https://a.example"], allowMethods: [PUT], allowCredentials: true}}]
  ${to}`);
    assert.deepEqual(
      rules.map(({ match, http: { method, path, headers }, action }) => [
        match,
        method,
        path.value,
        headers,
        action.type,
      ]),
      [
        [0, 'PUT', '/a', [{ name: 'h', type: 'exact', value: 'v' }], 'forward'],
        [
          2,
          'OPTIONS',
          '/a',
          [
            { name: 'origin', type: 'regex', value: '.+' },
            { name: 'access-control-request-method', type: 'exact', value: 'PUT' },
          ],
          'forward',
        ],
        [1, undefined, '/b', undefined, 'forward'],
      ],
    );
    for (const { cors } of rules)
      assert.deepEqual(cors, {
        allowOrigins: ['https://a.example'],
        allowMethods: ['PUT'],
        allowHeaders: [],
        exposeHeaders: [],
        allowCredentials: true,
        maxAge: 5,
      });
  });

  it('that are not known fail the requests of their rule alone', () => {
    const { rules, resolvedRefs, accepted, diagnostics } = httpRules(`
- filters: [{type: ExtensionRef, extensionRef: {group: example.com, kind: Limit, name: slow}}]
  ${to}
- matches: [{path: {value: /b}}]
  ${to}`);
    assert.deepEqual(rules[0]?.action, { type: 'respond', status: 500 });
    assert.equal(rules[1]?.action.type, 'forward');
    assert.deepEqual([accepted.ok, resolvedRefs.ok, resolvedRefs.reason], [true, false, 'InvalidKind']);
    assert.equal(diagnostics[0]?.field, 'spec.rules[0].filters[0].extensionRef');
  });
});

describe('filters of a backend', () => {
  const rewrite = (path: string) =>
    `filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: ${path}}}}]`;

  it('serve the whole rule where all backends that get requests agree', () => {
    const { action } = forward(`
- backendRefs:
  - {name: a, port: 80, ${rewrite('/x')}}
  - {name: b, port: 80, ${rewrite('/x')}}
  - {name: c, port: 80, weight: 0}`);
    assert.deepEqual(action.rewrite, { path: { type: 'full', value: '/x' } });
  });

  it('drop the rule, and it alone, where they differ', () => {
    const { rules, partiallyInvalid, diagnostics } = httpRules(`
- backendRefs:
  - {name: a, port: 80}
  - {name: b, port: 80, ${rewrite('/x')}}
- matches: [{path: {value: /other}}]
  ${to}`);
    assert.deepEqual(
      rules.map(({ rule }) => rule),
      [1],
    );
    assert.equal(partiallyInvalid?.reason, 'IncompatibleFilters');
    assert.equal(diagnostics[0]?.field, 'spec.rules[0].backendRefs[1].filters[0]');
  });

  it('that are not known fail the share of that backend alone', () => {
    const { action, resolvedRefs } = forward(`
- backendRefs:
  - {name: a, port: 80}
  - {name: b, port: 80, filters: [{type: ExtensionRef, extensionRef: {group: x.example, kind: K, name: n}}]}`);
    assert.deepEqual(action.backends, [
      { backend: 'default/a:80', weight: 1 },
      { backend: undefined, weight: 1 },
    ]);
    assert.equal(resolvedRefs.reason, 'InvalidKind');
  });
});

describe('header changes', () => {
  const name = fc.constantFrom('a', 'A', 'b', 'c');
  const header = fc.record({ name, value: fc.constantFrom('1', '2') });
  const firstOfEach = <T extends string | { name: string }>(items: T[]) =>
    items.filter((item, i) => items.findIndex((other) => lower(other) === lower(item)) === i);
  const modifier = fc.record({
    set: fc.array(header, { maxLength: 3 }).map(firstOfEach),
    add: fc.array(header, { maxLength: 3 }).map(firstOfEach),
    remove: fc.array(name, { maxLength: 2 }).map(firstOfEach),
  });

  it('one after the other are as their joined ones', () => {
    fc.assert(
      fc.property(fc.array(header, { maxLength: 4 }), modifier, modifier, (request, first, second) => {
        const [a, b] = [headerChanges(first), headerChanges(second)];
        assert.deepEqual(apply(request, thenChanges(a, b)), apply(apply(request, a), b));
      }),
    );
  });

  it('of one modifier are as set, add, remove', () => {
    fc.assert(
      fc.property(fc.array(header, { maxLength: 4 }), modifier, (request, each) => {
        const { set, add, remove } = each;
        const expected = apply(apply(apply(request, { set }), { add }), { remove });
        assert.deepEqual(apply(request, headerChanges(each)), expected);
      }),
    );
  });

  function lower(item: string | { name: string }): string {
    return (typeof item === 'string' ? item : item.name).toLowerCase();
  }

  /** What the model says of changes: remove, set, add. Values of each name in order. */
  function apply(request: readonly { name: string; value: string }[], changes: HeaderChanges | undefined) {
    let headers = request.map((each) => ({ name: lower(each), value: each.value }));
    for (const gone of changes?.remove ?? []) headers = headers.filter((each) => each.name !== lower(gone));
    for (const set of changes?.set ?? []) {
      headers = headers.filter((each) => each.name !== lower(set));
      headers.push({ name: lower(set), value: set.value });
    }
    for (const add of changes?.add ?? []) headers.push({ name: lower(add), value: add.value });
    return headers.sort((x, y) => (x.name < y.name ? -1 : x.name > y.name ? 1 : 0));
  }
});

describe('path prefixes', () => {
  it('begin with a slash, end with none, and stay what they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('/', 'a', '.') }), (text) => {
        const prefix = pathPrefix(text);
        assert.ok(prefix.startsWith('/') && (prefix === '/' || !prefix.endsWith('/')));
        assert.equal(pathPrefix(prefix), prefix);
        assert.equal(pathPrefix(`${text}/`), prefix);
      }),
    );
  });
});

describe('ExternalAuth filters', () => {
  it('ask a service over HTTP or gRPC before redirects, answers and forwarding', () => {
    const { rules, backends } = httpRules(`
- filters:
  - type: ExternalAuth
    externalAuth:
      protocol: HTTP
      backendRef: {name: b, port: 80}
      http: {path: /check, allowedHeaders: [X-A], allowedResponseHeaders: [X-User]}
      forwardBody: {maxSize: 100}
  ${to}
- filters:
  - {type: ExternalAuth, externalAuth: {protocol: GRPC, backendRef: {name: c, port: 80}, grpc: {}}}
  - {type: RequestRedirect, requestRedirect: {scheme: https}}`);
    assert.deepEqual(
      rules.map(({ action, externalAuth }) => [action.type, externalAuth]),
      [
        [
          'forward',
          {
            backend: 'default/b:80',
            protocol: 'http',
            pathPrefix: '/check',
            requestHeaders: ['x-a'],
            responseHeaders: ['x-user'],
            maxBody: 100,
          },
        ],
        [
          'redirect',
          {
            backend: 'default/c:80+http2',
            protocol: 'grpc',
            authority: 'c.default',
            requestHeaders: [],
            responseHeaders: [],
            maxBody: 0,
          },
        ],
      ],
    );
    assert.deepEqual(backends.map(({ name }) => name).sort(), ['default/a:80', 'default/b:80', 'default/c:80+http2']);
  });

  it('without their service let no request of their rule go on', () => {
    const { rules, resolvedRefs } = httpRules(`
- filters:
  - {type: ExternalAuth, externalAuth: {protocol: GRPC, backendRef: {name: gone, port: 80}, grpc: {}}}
  ${to}
- ${to}`);
    assert.deepEqual(
      rules.map(({ action }) => action.type),
      ['respond', 'forward'],
    );
    assert.equal(resolvedRefs.reason, 'BackendNotFound');
  });
});
