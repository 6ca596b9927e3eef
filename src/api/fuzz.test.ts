import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { loadAll } from 'js-yaml';
import { kinds, type ParsedItem, parseObject, parseObjects } from './index.ts';
import { formatPath, parsePath } from './schema/index.ts';

const EXAMPLES = join(import.meta.dirname, '../../../shared/inputs/cilium-examples/kubernetes');

const valid: readonly object[] = ['gateway', 'servicemesh', 'servicemesh/envoy']
  .flatMap((folder) => readdirSync(join(EXAMPLES, folder)).map((name) => join(EXAMPLES, folder, name)))
  .filter((file) => /\.yaml$/.test(file))
  .flatMap((file) => loadAll(readFileSync(file, 'utf8')) as object[])
  .filter((raw) => parseObject(raw).object !== undefined);

/** What every result must be, whatever went in. */
function checkResult({ object, ignored, diagnostics }: Omit<ParsedItem, 'path'>): void {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  assert.equal(errors > 0, object === undefined && ignored === undefined);
  for (const { message, reason } of diagnostics) {
    assert.match(reason, /^[A-Z][A-Za-z]+$/);
    assert.ok(message.length < 2000, 'a message repeats the input at length');
  }
  if (object === undefined) return;
  assert.equal(typeof object.metadata.name, 'string');
  assert.ok(kinds.some(({ reads }) => reads === object.kind));
}

/** All places in a value: paths to its parts. */
function places(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...entries.flatMap(([key, inner]) => places(inner, [...path, key]))];
}

type Mutation = {
  readonly seed: number;
  readonly act: 'replace' | 'remove' | 'add' | 'double';
  readonly value: unknown;
  readonly name: string;
};

function mutate(root: unknown, { seed, act, value, name }: Mutation): unknown {
  const all = places(root).slice(1);
  const path = all[seed % all.length];
  if (path === undefined) return root;
  const parent = path.slice(0, -1).reduce<unknown>((at, key) => (at as Record<string | number, unknown>)[key], root);
  const target = parent as Record<string | number, unknown>;
  const key = path.at(-1) as string | number;
  if (act === 'replace') target[key] = value;
  else if (act === 'remove') {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete target[key];
  } else if (act === 'add') {
    if (Array.isArray(parent)) parent.push(value);
    else Object.defineProperty(parent, name, { value, enumerable: true, configurable: true, writable: true });
  } else if (Array.isArray(parent)) parent.push(structuredClone(target[key]));
  else target[`${key}2`] = structuredClone(target[key]);
  return root;
}

const nasty = fc.constantFrom(
  '',
  ' ',
  '*',
  '*.',
  '/',
  '//',
  '/..',
  '%',
  '%2',
  '\n',
  '\0',
  '-',
  'a'.repeat(300),
  'A',
  '1.2.3.4',
  '::1',
  '10s',
  '-1s',
  '99999h',
  'é',
  '\ud800',
  '__proto__',
  0,
  -1,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  0.5,
  null,
  true,
  [],
  {},
  [[]],
  [null],
);
const mutation: fc.Arbitrary<Mutation> = fc.record({
  seed: fc.nat(),
  act: fc.constantFrom('replace' as const, 'remove' as const, 'add' as const, 'double' as const),
  value: fc.oneof(nasty, fc.jsonValue({ maxDepth: 3 })),
  name: fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom('__proto__', 'constructor', 'spec', 'name', 'status')),
});

describe('parsers, fuzzed', () => {
  it('take mutations of valid objects without throwing, and tell what is wrong', () => {
    const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...valid), mutations, (raw, list) => {
        const mutant = list.reduce<unknown>(mutate, structuredClone(raw));
        checkResult(parseObject(mutant));
        for (const item of parseObjects(mutant)) checkResult(item);
      }),
      { numRuns: 3000 },
    );
  });

  it('take anything at all', () => {
    const kind = fc.constantFrom(...kinds);
    const typed = fc.tuple(kind, fc.object({ maxDepth: 4 })).map(([each, rest]) => ({
      ...rest,
      apiVersion: each.group === '' ? each.versions[0] : `${each.group}/${each.versions[0]}`,
      kind: each.kind,
      metadata: { name: 'a' },
    }));
    fc.assert(
      fc.property(fc.oneof(fc.anything({ maxDepth: 3 }), typed), (raw) => {
        for (const item of parseObjects(raw)) checkResult(item);
      }),
      { numRuns: 2000 },
    );
  });

  it('do not change what they are given', () => {
    fc.assert(
      fc.property(fc.constantFrom(...valid), fc.array(mutation, { maxLength: 2 }), (raw, list) => {
        const mutant = list.reduce<unknown>(mutate, structuredClone(raw));
        const before = structuredClone(mutant);
        parseObjects(mutant);
        assert.deepEqual(mutant, before);
      }),
      { numRuns: 500 },
    );
  });

  it('read what they have read to the same again: defaults are filled in once', () => {
    for (const raw of valid) {
      const { object } = parseObject(raw);
      if (object?.kind !== 'HTTPRoute' && object?.kind !== 'GRPCRoute') continue;
      const { creationTimestamp: _time, ...metadata } = object.metadata;
      assert.deepEqual(parseObject({ ...object, metadata }).object, object);
    }
  });

  it('write paths that can be read back', () => {
    const segment = fc.oneof(fc.nat({ max: 1000 }), fc.string({ minLength: 1 }));
    fc.assert(
      fc.property(fc.array(segment), (path) => {
        assert.deepEqual(parsePath(formatPath(path)), path);
      }),
    );
  });

  it('take strings made to slow regular expressions down', () => {
    const long = ['a', 'a-', 'a.', '-', '%', '/', ':', '*.', ' ', '1s', '=', 'a\n', '9'].flatMap((unit) => [
      `${unit.repeat(4096)}!`,
      `${unit.repeat(4096)}\0`,
      `a${unit.repeat(4096)}\n`,
    ]);
    const visit = (value: unknown, replacement: string): unknown =>
      typeof value === 'string'
        ? replacement
        : Array.isArray(value)
          ? value.map((each) => visit(each, replacement))
          : typeof value === 'object' && value !== null
            ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, visit(each, replacement)]))
            : value;
    for (const text of long)
      for (const raw of valid) {
        const { apiVersion, kind } = raw as { apiVersion: string; kind: string };
        checkResult(parseObject({ ...(visit(raw, text) as object), apiVersion, kind }));
      }
  });
});
