import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { dump, loadAll } from 'js-yaml';
import { formatRef, type ParsedItem, parseObject, parseObjects } from './index.ts';

/** Policies that Cilium's own documentation tells people to apply. */
const EXAMPLES = join(import.meta.dirname, '../../../shared/inputs/cilium-examples/policies');
const GOLDENS = join(import.meta.dirname, 'testdata/policies');

const files = readdirSync(EXAMPLES, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(EXAMPLES, join(entry.parentPath, entry.name)))
  .sort();
const manifests = files.filter((file) => file.endsWith('.yaml'));
/** Bare rules, as `cilium policy import` took them. */
const bareRules = files.filter((file) => file.endsWith('.json'));
const goldenOf = (file: string): string => `${file.replaceAll('/', '.')}.out.yaml`;

const text = (file: string): string => readFileSync(join(EXAMPLES, file), 'utf8');

function read(file: string): ParsedItem[] {
  if (file.endsWith('.yaml')) return loadAll(text(file)).flatMap((document) => parseObjects(document));
  const specs: unknown = JSON.parse(text(file));
  const policy = {
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumClusterwideNetworkPolicy',
    metadata: { name: 'wrapped' },
    specs,
  };
  return [{ ...parseObject(policy), path: '' }];
}

function render(items: readonly ParsedItem[]): string {
  const documents = items.flatMap(({ object, ref, ignored, diagnostics }): object[] => {
    if (ignored !== undefined) return [];
    const said = diagnostics.map(({ severity, reason, message, hint }) => ({ severity, reason, message, hint }));
    if (object === undefined) return [{ refused: ref === undefined ? '?' : formatRef(ref), said }];
    if (!('rules' in object)) return [];
    return [
      { policy: formatRef(ref as NonNullable<typeof ref>), rules: object.rules, ...(said.length > 0 ? { said } : {}) },
    ];
  });
  return dump(documents, { lineWidth: 140, noRefs: true, flowLevel: 7 });
}

describe('policies of Cilium’s documentation', () => {
  for (const file of files)
    it(`${file} is read, or refused, as its golden says`, () => {
      const rendered = render(read(file));
      const golden = join(GOLDENS, goldenOf(file));
      if (process.env.UPDATE_GOLDEN === '1') {
        mkdirSync(GOLDENS, { recursive: true });
        writeFileSync(golden, rendered);
      }
      assert.equal(rendered, readFileSync(golden, 'utf8'));
    });

  it('have no golden without a file', () => {
    assert.deepEqual(readdirSync(GOLDENS).sort(), files.map(goldenOf).sort());
  });

  it('are refused where the API server would refuse them, and nowhere else', () => {
    const refused = manifests.flatMap((file) =>
      read(file)
        .filter(({ object, ignored }) => object === undefined && ignored === undefined)
        .map(({ diagnostics }) => [file, ...new Set(diagnostics.map(({ reason, field }) => `${reason} ${field}`))]),
    );
    const operator = (i: number, j: number) =>
      `InvalidValue spec.ingress[0].fromEndpoints[${i}].matchExpressions[${j}].operator`;
    assert.deepEqual(refused, [
      // The field of an older design, never in a release.
      ['auth/auth.yaml', 'UnknownField spec.egress[0].auth'],
      // A placeholder that its author wants to be stumbled over.
      ['host/lock-down-ingress.yaml', 'InvalidValue spec.ingress[1].toPorts[0].ports[5].port'],
      ['kubernetes/clustermesh/cross-cluster-policy.yaml', 'UnknownField metadata.description'],
      // Operators are In and NotIn, not in.
      ['l3/match-expressions/and-statement.yaml', operator(0, 0), operator(0, 1)],
      ['l3/match-expressions/or-statement.yaml', operator(0, 0), operator(1, 0)],
    ]);
  });

  it('are read without an error in all other parts of it, too', () => {
    const all = join(EXAMPLES, '..');
    const others = readdirSync(all, { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.yaml') && !name.startsWith('policies/'),
    );
    const policies = others
      .flatMap((name) => loadAll(readFileSync(join(all, name), 'utf8')).flatMap((document) => parseObjects(document)))
      .filter(({ ref }) => ref?.kind.endsWith('NetworkPolicy'));
    assert.ok(policies.length >= 15, `${policies.length} policies`);
    for (const { diagnostics } of policies)
      assert.deepEqual(
        diagnostics.filter(({ severity }) => severity === 'error'),
        [],
      );
  });

  it('are no objects where they are rules alone, which the refusal says', () => {
    for (const file of bareRules)
      for (const { diagnostics } of parseObjects(JSON.parse(text(file))))
        assert.ok(
          diagnostics.some(({ hint }) => hint?.includes('put it under spec of a CiliumNetworkPolicy')),
          file,
        );
  });
});
