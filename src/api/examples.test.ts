import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { loadAll } from 'js-yaml';
import { type ParsedItem, parseObjects } from './index.ts';

/** Manifests that Cilium's own documentation tells people to apply. */
const EXAMPLES = join(import.meta.dirname, '../../../shared/inputs/cilium-examples/kubernetes');

function parsedFiles(folder: string): Map<string, readonly ParsedItem[]> {
  const files = readdirSync(join(EXAMPLES, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ya?ml|json)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return new Map(
    files.map((file) => [
      relative(EXAMPLES, file),
      loadAll(readFileSync(file, 'utf8')).flatMap((document) => parseObjects(document)),
    ]),
  );
}

/** How often each kind stands at the beginning of a line: found without parsing anything. */
function kindsByText(files: Iterable<string>): Record<string, number> {
  const kinds = [...files].flatMap((file) => readFileSync(join(EXAMPLES, file), 'utf8').match(/^kind: *\w+/gm) ?? []);
  return tally(kinds.map((line) => line.replace(/^kind: */, '')));
}

function tally(names: readonly string[]): Record<string, number> {
  const all: Record<string, number> = {};
  for (const name of [...names].sort()) all[name] = (all[name] ?? 0) + 1;
  return all;
}

describe('examples of Cilium', () => {
  for (const folder of ['servicemesh', 'gateway', 'clustermesh'])
    it(`of ${folder} are all read, without a complaint`, () => {
      const files = parsedFiles(folder);
      assert.ok(files.size > 0);
      const items = [...files.values()].flat();
      assert.deepEqual(
        items.flatMap(({ diagnostics }) => diagnostics).filter(({ reason }) => reason !== 'Unsupported'),
        [],
      );
      const kinds = items.map(({ object, ignored }) => object?.kind ?? ignored?.kind ?? '?');
      assert.deepEqual(tally(kinds), kindsByText(files.keys()));
    });

  it('say what has no effect: mutual authentication', () => {
    const found = [...parsedFiles('.')].flatMap(([file, items]) =>
      items.flatMap(({ diagnostics }) => diagnostics.map(({ reason, field }) => `${file}: ${reason} ${field}`)),
    );
    assert.deepEqual(found, ['servicemesh/cnp-with-mutual-auth.yaml: Unsupported spec.ingress[0].authentication.mode']);
  });

  it('hold what a mesh reads', () => {
    const read = [...parsedFiles('.').values()]
      .flat()
      .flatMap(({ object }) => (object === undefined ? [] : [object.kind]));
    for (const kind of ['CiliumEnvoyConfig', 'Ingress', 'Gateway', 'HTTPRoute', 'GRPCRoute', 'Service'] as const)
      assert.ok(read.includes(kind), kind);
  });
});
