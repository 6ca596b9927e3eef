import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { loadAll } from 'js-yaml';
import { parseObject } from '../../api/parse.ts';
import { compileEnvoyConfig } from './compile.ts';
import type { EnvoyConfigObject } from './names.ts';
import { rig } from './testing/rig.ts';

const folders = [
  join(import.meta.dirname, '../../../../shared/inputs/cilium-examples/kubernetes/servicemesh/envoy'),
  join(import.meta.dirname, 'testdata'),
];
const seeds = folders.flatMap((folder) =>
  readdirSync(folder)
    .filter((file) => /yaml$/.test(file) && !/out\.yaml$/.test(file))
    .flatMap((file) => loadAll(readFileSync(join(folder, file), 'utf8')))
    .filter((document) => /EnvoyConfig/.test(String((document as { kind?: string } | null)?.kind))),
);

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** All containers of a document, to change something in one of them. */
function containers(value: Json): (Json[] | { [key: string]: Json })[] {
  if (typeof value !== 'object' || value === null) return [];
  return [value, ...Object.values(value).flatMap(containers)];
}

const strange = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(
    '',
    '5s',
    '-1s',
    '/',
    'a/b',
    'a/b:c',
    '\ud800',
    '__proto__',
    'EDS',
    1e300,
    -1,
    2 ** 53,
    Number.MAX_VALUE,
  ),
  fc.constantFrom('Listener', 'Cluster', 'RouteConfiguration').map((name) => `type.googleapis.com/${name}`),
  fc.record({
    '@type': fc.constantFrom(
      'type.googleapis.com/google.protobuf.Any',
      'type.googleapis.com/google.protobuf.Struct',
      'type.googleapis.com/google.protobuf.Duration',
    ),
  }),
) as fc.Arbitrary<Json>;

const mutation = fc.record({
  at: fc.nat(),
  key: fc.nat(),
  how: fc.constantFrom('replace', 'delete', 'rename', 'copy'),
  value: strange,
  other: fc.nat(),
});
type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

/** As parsers do: `__proto__` is a key like any other. */
function define(target: { [key: string]: Json }, key: string, value: Json): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

function mutate(document: Json, { at, key, how, value, other }: Mutation): void {
  const all = containers((document as { [key: string]: Json }).spec ?? null);
  const target = all[at % Math.max(1, all.length)] as { [key: string]: Json } | undefined;
  if (target === undefined) return;
  const keys = Object.keys(target);
  const name = keys[key % Math.max(1, keys.length)] ?? 'x';
  if (how === 'replace') target[name] = value;
  else if (how === 'delete' && Array.isArray(target)) target.splice(Number(name), 1);
  else if (how === 'delete') delete target[name];
  else if (how === 'rename') define(target, typeof value === 'string' ? value : 'x', target[name] ?? null);
  else target[name] = structuredClone(all[other % all.length] ?? null) as Json;
}

describe('envoyconfig: fuzz', () => {
  it('never throws, and each object either parses and compiles or is refused with a reason', () => {
    assert.ok(seeds.length >= 8);
    const seed = fc.constantFrom(...seeds).map((document) => structuredClone(document) as Json);
    fc.assert(
      fc.property(seed, fc.array(mutation, { minLength: 1, maxLength: 6 }), (document, mutations) => {
        for (const one of mutations) mutate(document, one);
        const { object, diagnostics } = parseObject(document);
        if (object === undefined) return assert.ok(diagnostics.length > 0);
        const compiled = compileEnvoyConfig(object as EnvoyConfigObject);
        for (const { name } of [...compiled.resources, ...compiled.listeners])
          assert.ok(name.startsWith('default/') || name.startsWith('/') || name.startsWith('shop/'), name);
        const count = compiled.resources.length + compiled.listeners.length + compiled.diagnostics.length;
        assert.ok(count > 0 || (object as EnvoyConfigObject).spec.resources.length === 0);
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same whatever the order in which objects come and go', () => {
    const objects = seeds.flatMap((document, i) => {
      const copy = structuredClone(document) as { metadata: { name: string; namespace?: string } };
      copy.metadata.name = `${copy.metadata.name}-${i % 3}`;
      const { object } = parseObject(copy);
      return object === undefined ? [] : [object as EnvoyConfigObject];
    });
    const keyOf = ({ metadata }: EnvoyConfigObject) =>
      metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
    const set = (r: ReturnType<typeof rig>, object: EnvoyConfigObject) =>
      object.kind === 'CiliumEnvoyConfig'
        ? r.tables.CiliumEnvoyConfig.set(keyOf(object), object)
        : r.tables.CiliumClusterwideEnvoyConfig.set(keyOf(object), object);
    const step = fc.record({ object: fc.constantFrom(...objects), remove: fc.boolean(), flush: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const live = rig({ adminSocketPath: '/a' });
        const present = new Map<string, EnvoyConfigObject>();
        for (const { object, remove, flush } of steps) {
          const key = `${object.kind}/${keyOf(object)}`;
          if (remove) {
            live.tables[object.kind].delete(keyOf(object));
            present.delete(key);
          } else {
            set(live, object);
            present.set(key, object);
          }
          if (flush) live.store.flush();
        }
        live.store.flush();
        const rebuilt = rig({ adminSocketPath: '/a' });
        for (const object of [...present.values()].reverse()) set(rebuilt, object);
        rebuilt.store.flush();
        const versions = (r: ReturnType<typeof rig>) =>
          Object.fromEntries([...r.resources.entries()].map(([key, { version }]) => [key, version]));
        assert.deepEqual(versions(live), versions(rebuilt));
        assert.deepEqual(live.problems(), rebuilt.problems());
      }),
      { numRuns: 60 },
    );
  });
});
