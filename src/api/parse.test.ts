import assert from 'node:assert/strict';
import { kinds, parseObject, parseObjects } from './index.ts';
import { LIMITS } from './schema/index.ts';
import { refused } from './testing/expect.ts';

const namespace = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

describe('parseObject', () => {
  it('leaves alone what is none of ours', () => {
    for (const [apiVersion, kind] of [
      ['apps/v1', 'Deployment'],
      ['apiextensions.k8s.io/v1', 'CustomResourceDefinition'],
      ['networking.istio.io/v1', 'Gateway'],
      ['serving.knative.dev/v1', 'Service'],
      ['cilium.io/v2alpha1', 'CiliumBGPPeeringPolicy'],
    ])
      assert.deepEqual(parseObject({ apiVersion, kind, nonsense: 1 }), {
        ignored: { apiVersion, kind },
        diagnostics: [],
      });
  });

  it('refuses what is no object', () => {
    for (const raw of [null, 1, 'a', true, [], undefined]) refused(raw, '', 'WrongType');
  });

  it('refuses what does not say what it is', () => {
    refused({ kind: 'Service' }, 'apiVersion', 'MissingField');
    refused({ apiVersion: 'v1' }, 'kind', 'MissingField');
    refused({ apiVersion: 1, kind: 'Service' }, 'apiVersion', 'WrongType');
  });

  it('refuses a version that is gone, and names the right one', () => {
    const old = { kind: 'Ingress', metadata: { name: 'a' } };
    refused(
      { ...old, apiVersion: 'networking.k8s.io/v1beta1' },
      'apiVersion',
      'UnsupportedVersion',
      /networking\.k8s\.io\/v1/,
    );
    refused(
      { ...old, apiVersion: 'extensions/v1beta1' },
      'apiVersion',
      'UnsupportedVersion',
      /networking\.k8s\.io\/v1/,
    );
    refused({ ...old, apiVersion: 'v1' }, 'apiVersion', 'UnsupportedVersion');
  });

  it('refuses a misspelt kind, and names the right one', () => {
    refused(
      { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HttpRoute' },
      'kind',
      'UnknownKind',
      /kind: HTTPRoute/,
    );
    refused({ apiVersion: 'v1', kind: 'service' }, 'kind', 'UnknownKind', /kind: Service/);
  });

  it('names the object in its diagnostics, where it has a name', () => {
    const diagnostic = refused(
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec: 1 },
      'spec',
      'WrongType',
    );
    assert.deepEqual(diagnostic.object, { group: '', kind: 'Service', namespace: 'default', name: 'a' });
  });

  it('refuses what is too deep, too large, or no JSON', () => {
    const config = (value: unknown) => ({ ...namespace('a'), metadata: { name: 'a' }, spec: value });
    let deep: unknown = 1;
    for (let i = 0; i < LIMITS.depth; i++) deep = [deep];
    refused(config(deep), '', 'TooLarge', /nested deeper/);
    refused(config('x'.repeat(LIMITS.characters)), '', 'TooLarge', /characters/);
    refused(config(Number.NaN), '', 'TooLarge', /NaN/);
    const circle: unknown[] = [];
    circle.push(circle);
    refused(config(circle), '', 'TooLarge', /nested deeper/);
  });

  it('counts a bomb of aliases by what it amounts to, and gives up early', () => {
    let bomb: unknown = 'lol';
    for (let i = 0; i < 40; i++) bomb = [bomb, bomb, bomb, bomb, bomb, bomb, bomb, bomb, bomb, bomb];
    refused({ ...namespace('a'), spec: bomb }, '', 'TooLarge', /values/);
  });

  it('is not misled by names that JavaScript has a meaning for', () => {
    const labels = JSON.parse('{"__proto__":"a","constructor":"b","toString":"c"}') as object;
    const { object, diagnostics } = parseObject({ ...namespace('a'), metadata: { name: 'a', labels } });
    assert.deepEqual(
      diagnostics.map(({ field }) => field),
      ['metadata.labels.__proto__'],
    );
    assert.equal(object, undefined);
    const raw = JSON.parse(
      '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"stringData":{"__proto__":"x"}}',
    ) as unknown;
    const secret = parseObject(raw).object;
    assert.deepEqual(secret?.kind === 'Secret' && Object.keys(secret.data), ['__proto__']);
    assert.equal(({} as Record<string, unknown>).x, undefined);
  });

  it('tells at most so much about one object', () => {
    const rules = Array.from({ length: 16 }, () => ({ a: 1, b: 2, c: 3 }));
    const { diagnostics } = parseObject({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'a' },
      spec: { rules },
    });
    assert.equal(diagnostics.length, 25);
    assert.match(diagnostics.at(-1)?.message ?? '', /24 more/);
  });

  it('takes null for absent, as the API server does', () => {
    const { object } = parseObject({ ...namespace('a'), metadata: { name: 'a', labels: null, namespace: null } });
    assert.deepEqual(object?.metadata.labels, {});
  });
});

describe('parseObjects', () => {
  it('expands lists, typed ones and arrays too, and says where each object is', () => {
    const items = [namespace('a'), { metadata: { name: 'b' } }];
    for (const [raw, paths] of [
      [{ apiVersion: 'v1', kind: 'NamespaceList', items }, ['items[0]', 'items[1]']],
      [{ apiVersion: 'v1', kind: 'List', items: [namespace('a'), namespace('b')] }, ['items[0]', 'items[1]']],
      [
        [namespace('a'), { kind: 'List', items: [namespace('b')] }],
        ['[0]', '[1].items[0]'],
      ],
    ] as const) {
      const parsed = parseObjects(raw);
      assert.deepEqual(
        parsed.map(({ path }) => path),
        paths,
      );
      assert.deepEqual(
        parsed.map(({ object }) => object?.metadata.name),
        ['a', 'b'],
      );
    }
  });

  it('gives paths in the document', () => {
    const [item] = parseObjects({ kind: 'List', items: [{ ...namespace('a'), metadata: { name: 'A' } }] });
    assert.equal(item?.diagnostics[0]?.field, 'items[0].metadata.name');
  });

  it('finds nothing in an empty document', () => {
    assert.deepEqual(parseObjects(null), []);
    assert.deepEqual(parseObjects({ kind: 'List', items: [] }), []);
  });

  it('stops at lists of lists without end', () => {
    const list: { kind: string; items: unknown[] } = { kind: 'List', items: [] };
    list.items.push(list);
    assert.deepEqual(
      parseObjects(list).map(({ diagnostics }) => diagnostics[0]?.reason),
      ['MissingField'],
    );
  });
});

describe('kinds', () => {
  it('are each there once', () => {
    const names = kinds.map(({ group, kind }) => `${group}/${kind}`);
    assert.equal(new Set(names).size, names.length);
  });
});
