import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { loadAll } from 'js-yaml';
import { kinds, type ParsedItem, parseObject, parseObjects } from './index.ts';
import { formatPath, parsePath } from './schema/index.ts';
import { mutate, mutation } from './testing/mutate.ts';
import { rawPolicyObject } from './testing/policies.ts';

const EXAMPLES = join(import.meta.dirname, '../../../shared/inputs/cilium-examples');

const valid: readonly object[] = ['kubernetes/gateway', 'kubernetes/servicemesh', 'policies']
  .flatMap((folder) =>
    readdirSync(join(EXAMPLES, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
      join(EXAMPLES, folder, name),
    ),
  )
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

  it('take mutations of generated policies, also from an API server that knows more', () => {
    const mutations = fc.array(mutation, { maxLength: 3 });
    const unknownFields = fc.constantFrom('error' as const, 'warning' as const);
    fc.assert(
      fc.property(rawPolicyObject, mutations, unknownFields, (raw, list, mode) => {
        checkResult(parseObject(list.reduce<unknown>(mutate, structuredClone(raw)), { unknownFields: mode }));
      }),
      { numRuns: 2000 },
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
