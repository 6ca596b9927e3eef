import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { rig } from './testing/rig.ts';

const examples = join(import.meta.dirname, '../../../../shared/inputs/cilium-examples/kubernetes/servicemesh/envoy');
const testdata = join(import.meta.dirname, 'testdata');

/** Everything that the translation gave, as stable YAML. */
function render(r: ReturnType<typeof rig>): string {
  const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;
  const sorted = <V>(entries: Iterable<[string, V]>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  return dump(
    plain({
      resources: r.decoded(),
      redirects: sorted(r.redirects.entries()).map(([, { origin: _origin, ...redirect }]) => redirect),
      backends: sorted(r.backends.entries()).map(([, backend]) => ({ ...backend, origins: undefined })),
      diagnostics: sorted(r.diagnostics.entries()).flatMap(([, list]) =>
        list.map(({ object, ...diagnostic }) => ({ object: object?.name, ...diagnostic })),
      ),
      parsing: r.parsing,
    }),
    { lineWidth: 120, noRefs: true },
  );
}

describe('envoyconfig: examples of Cilium', () => {
  const files = readdirSync(examples).filter((file) => /EnvoyConfig/.test(readFileSync(join(examples, file), 'utf8')));

  it('are there', () => assert.ok(files.length >= 6, `${examples}: ${files.join()}`));

  for (const file of files)
    it(`${file} translates whole`, () => {
      const r = rig({ adminSocketPath: '/run/admin.sock' });
      const text = readFileSync(join(examples, file), 'utf8');
      r.add(text);
      assert.deepEqual(r.parsing, []);
      // Its Services are in other files of the folder.
      assert.deepEqual(
        r.problems().filter((problem) => !problem.startsWith('ServiceNotFound')),
        [],
      );
      const served = [...r.resources.values()].filter(
        ({ type, name }) => type !== 'endpoints' && name !== '/envoy-admin',
      );
      assert.equal(
        served.length,
        text.match(/"@type": type\.googleapis\.com\/envoy\.config\.(listener|route|cluster)/g)?.length,
      );
    });
});

describe('envoyconfig: goldens', () => {
  const files = readdirSync(testdata);
  const names = files.filter((file) => file.endsWith('.in.yaml')).map((file) => file.slice(0, -'.in.yaml'.length));
  for (const name of names)
    it(name, () => {
      const r = rig({ adminSocketPath: '/run/admin.sock' });
      r.add(readFileSync(join(testdata, `${name}.in.yaml`), 'utf8'));
      const text = render(r);
      const path = join(testdata, `${name}.out.yaml`);
      if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, text);
      assert.ok(existsSync(path), `${path} is missing: UPDATE_GOLDEN=1 writes it`);
      assert.equal(text, readFileSync(path, 'utf8'));
    });
  it('has no orphans', () => {
    const outputs = files
      .filter((file) => file.endsWith('.out.yaml'))
      .map((file) => file.slice(0, -'.out.yaml'.length));
    assert.deepEqual(
      outputs.filter((name) => !names.includes(name)),
      [],
    );
  });
});
