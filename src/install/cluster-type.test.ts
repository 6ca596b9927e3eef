import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { dump, load } from 'js-yaml';
import { Fault } from '../lib/fault.ts';
import { type ClusterFacts, clusterType, clusterTypes, type NodeFacts } from './cluster-type.ts';
import { clusterValues, mergeValues } from './cluster-values.ts';

const dir = join(import.meta.dirname, 'testdata');
const inputs = readdirSync(dir).filter((name) => name.endsWith('.in.yaml'));
const factsOf = (file: string) => load(readFileSync(join(dir, file), 'utf8')) as ClusterFacts;

describe('cluster type', () => {
  for (const file of inputs) {
    const golden = join(dir, file.replace('.in.', '.out.'));
    it(`of ${file}, and the values that it gets`, () => {
      const facts = factsOf(file);
      const cluster = clusterType(facts);
      const text = dump({ ...cluster, ...clusterValues(cluster, facts) }, { lineWidth: 160, noRefs: true });
      if (process.env.UPDATE_GOLDEN) writeFileSync(golden, text);
      assert.equal(text, readFileSync(golden, 'utf8'));
    });
  }

  it('has a golden file for each type, and none without its input', () => {
    const types = new Set(inputs.map((file) => clusterType(factsOf(file)).type));
    assert.deepEqual([...types].sort(), [...clusterTypes].sort());
    const outputs = readdirSync(dir).filter((name) => name.endsWith('.out.yaml'));
    assert.deepEqual(outputs.map((name) => name.replace('.out.', '.in.')).sort(), inputs.sort());
  });

  it('depends on no order of the nodes', () => {
    for (const file of inputs) {
      const facts = factsOf(file);
      const reversed = clusterType({ ...facts, nodes: facts.nodes.toReversed() });
      assert.equal(reversed.type, clusterType(facts).type);
      assert.equal(reversed.name, clusterType(facts).name);
    }
  });

  it('takes nodes without labels, provider and status, and no nodes at all', () => {
    assert.equal(clusterType({ version: '', nodes: [] }).type, 'generic');
    const text = fc.string({ maxLength: 40 });
    const node: fc.Arbitrary<NodeFacts> = fc.record(
      {
        metadata: fc.record({ name: text, labels: fc.dictionary(text, text) }, { requiredKeys: ['name'] }),
        spec: fc.record({ providerID: text, podCIDR: text }, { requiredKeys: [] }),
        status: fc.constant({}),
      },
      { requiredKeys: ['metadata'] },
    );
    fc.assert(
      fc.property(text, fc.array(node, { maxLength: 3 }), (version, nodes) => {
        const facts = { version, nodes };
        assert.ok(clusterValues(clusterType(facts), facts).values);
      }),
    );
  });

  it('refuses a cluster that has no node for the image', () => {
    const nodes = [{ metadata: { name: 'a' }, status: { nodeInfo: { architecture: 'arm64' } } }];
    const facts = { version: 'v1.34.0', nodes };
    assert.throws(
      () => clusterValues(clusterType(facts), facts),
      (error) => error instanceof Fault && error.code === 'NO_USABLE_NODE' && /arm64/.test(error.message),
    );
  });
});

describe('merging of values', () => {
  it('is Helm’s: maps key by key, lists and all else replaced', () => {
    assert.deepEqual(mergeValues({ a: { b: 1, c: [1, 2] }, d: 1 }, { a: { c: [3], e: 2 }, d: { f: 1 } }), {
      a: { b: 1, c: [3], e: 2 },
      d: { f: 1 },
    });
  });
});
