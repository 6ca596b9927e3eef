import assert from 'node:assert/strict';
import fc from 'fast-check';
import { comparePrecedence, lastPrecedence, type Precedence } from '../model/index.ts';
import { httpRules } from './testing/rules.ts';

const rule = (rules: string, i = 0) => {
  const output = httpRules(rules).rules[i];
  assert.ok(output);
  return output;
};

describe('HTTPRoute matches', () => {
  const cases: [string, string, object, object][] = [
    ['no match is every path', '- {}', { path: { type: 'prefix', value: '/' } }, { path: 2, length: 1 }],
    [
      'an exact path',
      '- matches: [{path: {type: Exact, value: /a/}}]',
      { path: { type: 'exact', value: '/a/' } },
      { path: 0, length: 3 },
    ],
    [
      'a prefix, without its trailing slash',
      '- matches: [{path: {type: PathPrefix, value: /a/b/}}]',
      { path: { type: 'prefix', value: '/a/b' } },
      { path: 2, length: 4 },
    ],
    [
      'a regular expression',
      '- matches: [{path: {type: RegularExpression, value: "/a/[0-9]+"}}]',
      { path: { type: 'regex', value: '/a/[0-9]+' } },
      { path: 1, length: 9 },
    ],
    [
      'a method',
      '- matches: [{method: GET}]',
      { path: { type: 'prefix', value: '/' }, method: 'GET' },
      { path: 2, length: 1, method: true },
    ],
    [
      'headers in lower case, and query parameters as they are',
      '- matches: [{headers: [{name: X-A, value: One}, {name: b, value: "t.*", type: RegularExpression}], queryParams: [{name: Q, value: v}]}]',
      {
        path: { type: 'prefix', value: '/' },
        headers: [
          { name: 'x-a', type: 'exact', value: 'One' },
          { name: 'b', type: 'regex', value: 't.*' },
        ],
        query: [{ name: 'Q', type: 'exact', value: 'v' }],
      },
      { path: 2, length: 1, headers: 2, query: 1 },
    ],
  ];
  for (const [name, yaml, http, precedence] of cases)
    it(name, () => {
      const output = rule(yaml);
      assert.deepEqual(output.http, http);
      assert.deepEqual(output.precedence, { method: false, headers: 0, query: 0, ...precedence });
      assert.equal(output.name, 'HTTPRoute default/r rule 0');
    });

  it('a bad expression takes only its own match with it', () => {
    const { rules, accepted, partiallyInvalid, diagnostics } = httpRules(`
- matches: [{path: {value: /a}}, {path: {type: RegularExpression, value: "/(?!x)"}}]
  backendRefs: [{name: a, port: 80}]
- matches: [{headers: [{name: h, value: "(", type: RegularExpression}]}]
  backendRefs: [{name: a, port: 80}]
- matches: [{path: {value: /c}}]
  backendRefs: [{name: c, port: 80}]`);
    assert.deepEqual(
      rules.map((each) => [each.rule, each.match]),
      [
        [0, 0],
        [2, 0],
      ],
    );
    assert.ok(accepted.ok);
    assert.equal(partiallyInvalid?.reason, 'UnsupportedValue');
    assert.match(partiallyInvalid?.message ?? '', /^Dropped Rule: spec\.rules\[0\]\.matches\[1\]\.path\.value: /);
    assert.deepEqual(
      diagnostics.map(({ severity, field, reason }) => [severity, field, reason]),
      [
        ['error', 'spec.rules[0].matches[1].path.value', 'UnsupportedValue'],
        ['error', 'spec.rules[1].matches[0].headers[0].value', 'UnsupportedValue'],
      ],
    );
  });

  it('a route without any valid rule is not accepted', () => {
    const { rules, accepted, partiallyInvalid } = httpRules(
      '- matches: [{queryParams: [{name: q, value: "*", type: RegularExpression}]}]',
    );
    assert.deepEqual(rules, []);
    assert.deepEqual([accepted.ok, accepted.reason, partiallyInvalid], [false, 'UnsupportedValue', undefined]);
  });

  it('precedence is a total order: exact, longer, method, headers, query, older, name, position', () => {
    const precedence: fc.Arbitrary<Precedence> = fc.record(
      {
        path: fc.nat(2),
        length: fc.nat(2),
        method: fc.boolean(),
        headers: fc.nat(2),
        query: fc.nat(2),
        created: fc.nat(2),
        owner: fc.constantFrom('a/a', 'a/b', 'b/a'),
        rule: fc.nat(1),
        match: fc.nat(1),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(precedence, precedence, precedence, (a, b, c) => {
        const sign = Math.sign(comparePrecedence(a, b));
        assert.equal(sign + Math.sign(comparePrecedence(b, a)), 0);
        if (sign === 0) assert.deepEqual(a, b);
        if (sign <= 0 && comparePrecedence(b, c) <= 0) assert.ok(comparePrecedence(a, c) <= 0);
        assert.ok(comparePrecedence(a, lastPrecedence) < 0);
      }),
    );
    const base: Precedence = {
      path: 2,
      length: 1,
      method: false,
      headers: 0,
      query: 0,
      created: 9,
      owner: 'b',
      rule: 0,
      match: 0,
    };
    const better: Partial<Precedence>[] = [
      { path: 0 },
      { length: 2 },
      { method: true },
      { headers: 1 },
      { query: 1 },
      { created: 1 },
      { owner: 'a' },
    ];
    const ordered = better.map((change) => ({ ...base, ...change }));
    assert.deepEqual([...ordered].reverse().sort(comparePrecedence), ordered);
  });
});

describe('HTTPRoute forwarding', () => {
  it('to one backend', () => {
    const { rules, backends, resolvedRefs, tlsPolicyTargets } = httpRules('- backendRefs: [{name: a, port: 80}]');
    assert.deepEqual(rules[0]?.action, {
      type: 'forward',
      backends: [{ backend: 'default/a:80', weight: 1 }],
      missingStatus: 500,
    });
    assert.deepEqual([backends.map((backend) => backend.name), resolvedRefs.ok], [['default/a:80'], true]);
    assert.deepEqual(tlsPolicyTargets, []);
  });

  it('splits by weight, answers 500 for what is not there, and gives nothing to weight 0', () => {
    const { rules, resolvedRefs, diagnostics } = httpRules(`
- backendRefs:
  - {name: a, port: 80, weight: 3}
  - {name: gone, port: 80, weight: 1}
  - {name: b, port: 80, weight: 0}
  - {name: b, port: 81}`);
    assert.deepEqual(rules[0]?.action, {
      type: 'forward',
      backends: [
        { backend: 'default/a:80', weight: 3 },
        { backend: undefined, weight: 1 },
        { backend: 'default/b:80', weight: 0 },
        { backend: undefined, weight: 1 },
      ],
      missingStatus: 500,
    });
    assert.deepEqual([resolvedRefs.ok, resolvedRefs.reason], [false, 'BackendNotFound']);
    assert.deepEqual(
      diagnostics.map(({ field, message }) => [field, message]),
      [
        ['spec.rules[0].backendRefs[1].name', 'Service default/gone does not exist'],
        ['spec.rules[0].backendRefs[3].name', 'Service default/b has no port 81'],
      ],
    );
  });

  for (const [name, yaml] of [
    ['no backends', '- {}'],
    ['no backend that exists', '- backendRefs: [{name: gone, port: 80}]'],
    ['nothing but weight 0', '- backendRefs: [{name: a, port: 80, weight: 0}]'],
  ] as const)
    it(`answers 500 with ${name}`, () => {
      assert.deepEqual(rule(yaml).action, { type: 'respond', status: 500 });
    });

  it('limits and repeats requests', () => {
    const { action } = rule(`
- timeouts: {request: 10s, backendRequest: 2s}
  retry: {attempts: 2, codes: [502, 503], backoff: 50ms}
  backendRefs: [{name: a, port: 80}]`);
    assert.deepEqual(action, {
      type: 'forward',
      backends: [{ backend: 'default/a:80+retries', weight: 1 }],
      missingStatus: 500,
      timeoutMs: 10_000,
      tryTimeoutMs: 2_000,
      retry: { attempts: 2, codes: [502, 503], backoffMs: 50 },
    });
    const off = rule('- {timeouts: {request: 0s}, retry: {attempts: 0}, backendRefs: [{name: a, port: 80}]}').action;
    assert.ok(off.type === 'forward');
    assert.deepEqual([off.timeoutMs, off.retry], [0, { attempts: 0, codes: [] }]);
  });

  it('keeps sessions by cookie or header, under a stable name of its own for each rule', () => {
    const { rules, diagnostics } = httpRules(`
- sessionPersistence: {cookie: {name: c, path: /x, lifetimeType: Permanent}, absoluteTimeout: 1h}
  backendRefs: [{name: a, port: 80}]
- sessionPersistence: {type: Header, header: {name: X-Session}}
  backendRefs: [{name: a, port: 80}]
- sessionPersistence: {}
  backendRefs: [{name: a, port: 80}]
- sessionPersistence: {absoluteTimeout: 1h}
  backendRefs: [{name: a, port: 80}, {name: b, port: 80}]`);
    const sessions = rules.map(({ action }) => (action.type === 'forward' ? action.session : undefined));
    assert.deepEqual(sessions.slice(0, 2), [
      { type: 'cookie', name: 'c', path: '/x', lifetimeMs: 3_600_000 },
      { type: 'header', name: 'x-session' },
    ]);
    assert.match(sessions[2]?.name ?? '', /^session-[0-9a-f]{12}$/);
    assert.notEqual(sessions[2]?.name, sessions[3]?.name);
    assert.equal(
      rule('- {}\n- {}\n- {sessionPersistence: {}, backendRefs: [{name: b, port: 80}]}', 2).action.type,
      'forward',
    );
    assert.deepEqual(
      diagnostics.map(({ severity, field }) => [severity, field]),
      [
        ['warning', 'spec.rules[3].sessionPersistence'],
        ['warning', 'spec.rules[3].sessionPersistence.absoluteTimeout'],
      ],
    );
  });
});
