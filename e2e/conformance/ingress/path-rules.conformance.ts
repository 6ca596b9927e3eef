import { openRig, type Rig } from './rig.ts';

/** `exact:` and `prefix:` name the path type of a rule; `to` is the path of the rule that must take the request, or none. */
interface Case {
  readonly title: string;
  readonly rules: readonly `${'exact' | 'prefix'}:/${string}`[];
  readonly request: string;
  readonly to: number | undefined;
}

/** After the table of examples and the text about path types in the documentation of networking.k8s.io/v1 Ingress. */
const cases: readonly Case[] = [
  { title: 'Exact takes the same path', rules: ['exact:/foo'], request: '/foo', to: 0 },
  { title: 'Exact takes no other path', rules: ['exact:/foo'], request: '/bar', to: undefined },
  {
    title: 'Exact without a slash at its end takes none with one',
    rules: ['exact:/foo'],
    request: '/foo/',
    to: undefined,
  },
  { title: 'Exact with a slash at its end takes none without', rules: ['exact:/foo/'], request: '/foo', to: undefined },
  { title: 'Exact keeps to case', rules: ['exact:/foo'], request: '/FOO', to: undefined },
  { title: 'Prefix / takes every path', rules: ['prefix:/'], request: '/any/thing', to: 0 },
  { title: 'Prefix takes the same path', rules: ['prefix:/foo'], request: '/foo', to: 0 },
  { title: 'Prefix takes a path with a slash at its end', rules: ['prefix:/foo'], request: '/foo/', to: 0 },
  { title: 'Prefix ignores its own slash at the end', rules: ['prefix:/aaa/bbb/'], request: '/aaa/bbb', to: 0 },
  { title: 'Prefix takes paths below', rules: ['prefix:/aaa/bbb'], request: '/aaa/bbb/ccc', to: 0 },
  { title: 'Prefix takes whole elements only', rules: ['prefix:/aaa/bbb'], request: '/aaa/bbbxyz', to: undefined },
  { title: 'Prefix takes no shorter element', rules: ['prefix:/aaa/bb'], request: '/aaa/bbb', to: undefined },
  { title: 'Prefix keeps to case', rules: ['prefix:/foo'], request: '/Foo', to: undefined },
  {
    title: 'the longest Prefix wins',
    rules: ['prefix:/', 'prefix:/aaa', 'prefix:/aaa/bbb'],
    request: '/aaa/bbb',
    to: 2,
  },
  {
    title: 'what no longer Prefix takes falls to a shorter',
    rules: ['prefix:/', 'prefix:/aaa'],
    request: '/ccc',
    to: 0,
  },
  { title: 'Exact wins over Prefix of the same path', rules: ['prefix:/foo', 'exact:/foo'], request: '/foo', to: 1 },
];

describe('Ingress: rules for paths', function () {
  this.timeout(180_000);
  let rig: Rig;
  let address: string;
  const backends = ['first', 'second', 'third'] as const;
  const hostOf = (i: number): string => `case-${i}.paths.example`;

  before(async () => {
    rig = await openRig('ingress-path-rules');
    await rig.serve(...backends);
    const rules = cases.map(({ rules: paths }, i) => ({
      host: hostOf(i),
      http: {
        paths: paths.map((rule, nth) => ({
          path: rule.slice(rule.indexOf(':') + 1),
          pathType: rule.startsWith('exact') ? 'Exact' : 'Prefix',
          backend: { service: { name: backends[nth], port: { number: 80 } } },
        })),
      },
    }));
    await rig.apply(
      JSON.stringify({
        ...{ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'paths' } },
        spec: { ingressClassName: 'cilium', rules },
      }),
    );
    address = await rig.addressOf('paths');
    // All of it is in force once its last host is; until then a missing route would pass for one that does not match.
    await rig.expect({ address, host: hostOf(cases.length - 1), path: '/foo' }, 'second');
    await rig.expect({ address, host: hostOf(0), path: '/foo' }, 'first');
  });

  after(() => rig?.close());

  for (const [i, { title, rules, request, to }] of cases.entries())
    it(`${title}: ${rules.join(', ')}; ${request}`, async () => {
      await rig.expect({ address, host: hostOf(i), path: request }, to === undefined ? 404 : (backends[to] as string));
    });
});
