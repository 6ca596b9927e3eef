import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { loadAll } from 'js-yaml';
import { kinds, parseObject } from '../../src/api/index.ts';
import { rawPolicyObject } from '../../src/api/testing/policies.ts';
import { type CrdSource, objectSchema } from './crd.ts';
import { crdFiles, crds } from './crds.ts';
import type { Schema } from './schema.ts';
import { isBeyondSchema } from './testing/beyond-schema.ts';
import { samplesOf } from './testing/samples.ts';
import { violations } from './testing/structural.ts';

const root = join(import.meta.dirname, '../..');

/** Whether the parser takes it, and what it says if not. */
function refusals(object: unknown): string[] {
  return parseObject(object)
    .diagnostics.filter(({ severity }) => severity === 'error')
    .map(({ message, hint }) => `${message}; ${hint}`);
}

/** An object as a whole, but for its metadata, which the API server checks by itself. */
function wholeSchema(source: CrdSource): Schema {
  const { properties, ...rest } = objectSchema(source);
  const metadata: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return { ...rest, properties: { ...properties, metadata } };
}

describe('CRDs', () => {
  it('are those of every cilium.io kind that is read, in the versions that are read', () => {
    const read = kinds.filter(({ group }) => group === 'cilium.io');
    const shape = ({ kind, versions, namespaced }: Pick<(typeof crds)[number], 'kind' | 'versions' | 'namespaced'>) =>
      `${kind} ${versions} ${namespaced}`;
    assert.deepEqual(crds.map(shape).sort(), read.map(shape).sort());
  });

  for (const dir of ['manifests/crds', 'manifests/helm/sluice/crds'])
    it(`stand in ${dir} as they are here (npm run manifests writes them)`, () => {
      const there = readdirSync(join(root, dir)).filter((name) => name !== 'kustomization.yaml');
      const files = crdFiles();
      assert.deepEqual(there.sort(), [...files.keys()].sort());
      for (const [name, text] of files) assert.equal(readFileSync(join(root, dir, name), 'utf8'), text, name);
    });

  it('describe every field', () => {
    const missing: string[] = [];
    const visit = (schema: Schema, path: string) => {
      for (const [name, each] of Object.entries(schema.properties ?? {})) {
        if (!each.description) missing.push(`${path}.${name}`);
        visit(each, `${path}.${name}`);
      }
      if (schema.items) visit(schema.items, `${path}[]`);
    };
    for (const { kind, spec = {}, more = {}, status = {} } of crds)
      for (const [name, each] of Object.entries({ spec, ...more, status })) visit(each, `${kind}.${name}`);
    assert.deepEqual(missing, []);
  });

  for (const source of crds) {
    const schema = wholeSchema(source);

    it(`${source.kind}: the schema refuses what the parser refuses, and nothing else`, () => {
      // Policies are large.
      const runs = source.kind.endsWith('NetworkPolicy') ? 500 : 2000;
      let accepted = 0;
      fc.assert(
        fc.property(samplesOf(source), (object) => {
          const bySchema = violations(schema, object);
          const byParser = refusals(object);
          if (byParser.length === 0) accepted++;
          if (byParser.length > 0 && byParser.every(isBeyondSchema)) return;
          assert.equal(
            bySchema.length > 0,
            byParser.length > 0,
            JSON.stringify({ object, bySchema, byParser }, null, 1),
          );
        }),
        { numRuns: runs },
      );
      assert.ok(accepted > runs / 20, `only ${accepted} of ${runs} samples were right`);
    });
  }

  it('take the examples that users have', () => {
    const examples = join(root, '../shared/inputs/cilium-examples');
    const objects = ['kubernetes/servicemesh', 'policies'].flatMap((dir) =>
      readdirSync(join(examples, dir), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.yaml'))
        .flatMap((name) => loadAll(readFileSync(join(examples, dir, name), 'utf8')) as { kind: string }[])
        .filter((object) => refusals(object).length === 0),
    );
    const checked = objects.flatMap((object) => {
      const source = crds.find(({ kind }) => kind === object?.kind);
      if (source === undefined) return [];
      return [{ name: object.kind, found: violations(wholeSchema(source), object) }];
    });
    assert.ok(checked.length >= 50);
    for (const { name, found } of checked) assert.deepEqual(found, [], name);
  });

  it('take all that the parsers take', () => {
    fc.assert(
      fc.property(rawPolicyObject, (object) => {
        const source = crds.find(({ kind }) => kind === (object as { kind: string }).kind);
        assert.deepEqual(refusals(object), []);
        if (source !== undefined) assert.deepEqual(violations(wholeSchema(source), object), []);
      }),
      { numRuns: 1000 },
    );
  });
});
