import assert from 'node:assert/strict';
import type { HttpRoute } from '../model/index.ts';
import { matchRequest } from './testing/matcher.ts';
import { ingress, path, plane, rule, service } from './testing/objects.ts';

/** The path that serves a request, as its type and text; undefined: 404. */
function served(paths: readonly (readonly [type: string, path: string])[], request: string): string | undefined {
  const rules = paths.map(([type, value]) => rule('example.com', path(value, 'web', type)));
  const { outputs } = plane([service('web'), ingress('paths', { rules })]);
  const found = matchRequest(outputs.routes, 'ingress/http', 'example.com', request);
  if (found === undefined) return undefined;
  const [type, value] = paths[found.precedence.rule] ?? ['?', '?'];
  return `${type} ${value}`;
}

describe('ingress paths', () => {
  // The table of https://kubernetes.io/docs/concepts/services-networking/ingress/#examples, row by row.
  const table: [paths: [string, string][], request: string, result: string | undefined][] = [
    [[['Prefix', '/']], '/any/path', 'Prefix /'],
    [[['Exact', '/foo']], '/foo', 'Exact /foo'],
    [[['Exact', '/foo']], '/bar', undefined],
    [[['Exact', '/foo']], '/foo/', undefined],
    [[['Exact', '/foo/']], '/foo', undefined],
    [[['Prefix', '/foo']], '/foo', 'Prefix /foo'],
    [[['Prefix', '/foo']], '/foo/', 'Prefix /foo'],
    [[['Prefix', '/foo/']], '/foo', 'Prefix /foo/'],
    [[['Prefix', '/foo/']], '/foo/', 'Prefix /foo/'],
    [[['Prefix', '/aaa/bb']], '/aaa/bbb', undefined],
    [[['Prefix', '/aaa/bbb']], '/aaa/bbb', 'Prefix /aaa/bbb'],
    [[['Prefix', '/aaa/bbb/']], '/aaa/bbb', 'Prefix /aaa/bbb/'],
    [[['Prefix', '/aaa/bbb']], '/aaa/bbb/', 'Prefix /aaa/bbb'],
    [[['Prefix', '/aaa/bbb']], '/aaa/bbb/ccc', 'Prefix /aaa/bbb'],
    [[['Prefix', '/aaa/bbb']], '/aaa/bbbxyz', undefined],
    [
      [
        ['Prefix', '/'],
        ['Prefix', '/aaa'],
      ],
      '/aaa/ccc',
      'Prefix /aaa',
    ],
    [
      [
        ['Prefix', '/'],
        ['Prefix', '/aaa'],
        ['Prefix', '/aaa/bbb'],
      ],
      '/aaa/bbb',
      'Prefix /aaa/bbb',
    ],
    [
      [
        ['Prefix', '/'],
        ['Prefix', '/aaa'],
        ['Prefix', '/aaa/bbb'],
      ],
      '/ccc',
      'Prefix /',
    ],
    [[['Prefix', '/aaa']], '/ccc', undefined],
    [
      [
        ['Prefix', '/foo'],
        ['Exact', '/foo'],
      ],
      '/foo',
      'Exact /foo',
    ],
  ];
  for (const [paths, request, result] of table) {
    const title = paths.map(([type, value]) => `${type} ${value}`).join(', ');
    it(`${title}: ${request} is served by ${result ?? 'nothing'}`, () => assert.equal(served(paths, request), result));
  }

  const example: [string, string][] = [
    ['Exact', '/exact'],
    ['Prefix', '/'],
    ['Prefix', '/prefix'],
    ['ImplementationSpecific', '/impl'],
    ['ImplementationSpecific', '/impl.+'],
  ];
  for (const [request, result] of [
    ['/', 'Prefix /'],
    ['/exact', 'Exact /exact'],
    ['/prefix', 'Prefix /prefix'],
    ['/impl', 'ImplementationSpecific /impl'],
    ['/implementation', 'ImplementationSpecific /impl.+'],
    ['/other', 'Prefix /'],
  ] as const)
    it(`Cilium's example of path types: ${request}`, () => assert.equal(served(example, request), result));

  it('prefixes come before regular expressions, which match the whole path; / alone is no expression', () => {
    const paths: [string, string][] = [
      ['ImplementationSpecific', '/a/[0-9]+'],
      ['Prefix', '/a/1'],
      ['ImplementationSpecific', '/'],
    ];
    assert.equal(served(paths, '/a/1'), 'Prefix /a/1');
    assert.equal(served(paths, '/a/2'), 'ImplementationSpecific /a/[0-9]+');
    assert.equal(served(paths, '/a/2/more'), 'ImplementationSpecific /');
  });
});

describe('ingress hosts', () => {
  const objects = [
    service('web'),
    ingress('hosts', {
      rules: [
        rule('shop.example.com', path('/cart')),
        rule('*.example.com', path('/')),
        rule('*.deep.example.com', path('/deep')),
        rule(undefined, path('/')),
      ],
    }),
  ];
  const { outputs } = plane(objects);
  const rules = ['shop.example.com', '*.example.com', '*.deep.example.com', 'every host'];
  for (const [authority, request, result] of [
    ['shop.example.com', '/cart', 'shop.example.com'],
    ['SHOP.example.com:8080', '/cart', 'shop.example.com'],
    // An exact host hides the wildcard, whatever its paths.
    ['shop.example.com', '/other', undefined],
    ['blog.example.com', '/', '*.example.com'],
    ['Blog.Example.Com.:8080', '/', '*.example.com'],
    ['example.com', '/', 'every host'],
    // A wildcard is one label: what has more goes on.
    ['a.blog.example.com', '/', 'every host'],
    ['x.deep.example.com', '/deep', '*.deep.example.com'],
    ['x.deep.example.com', '/', undefined],
    ['y.x.deep.example.com:80', '/deep', 'every host'],
    ['elsewhere.org', '/', 'every host'],
    ['[::1]:8080', '/', 'every host'],
  ] as const)
    it(`${authority}${request} is served by ${result ?? 'nothing'}`, () => {
      const found: HttpRoute | undefined = matchRequest(outputs.routes, 'ingress/http', authority, request);
      assert.equal(found && rules[found.precedence.rule], result);
    });
});
