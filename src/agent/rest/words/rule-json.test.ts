import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { loadAll } from 'js-yaml';
import { type CiliumNetworkPolicy, parseObject } from '../../../api/index.ts';
import { networkPolicyJson } from './network-policy-json.ts';
import { ruleJson } from './rule-json.ts';

const examples = join(import.meta.dirname, '../../../../../shared/inputs/cilium-examples/policies');

function policyOf(spec: unknown, kind = 'CiliumNetworkPolicy'): CiliumNetworkPolicy | undefined {
  const object = { apiVersion: 'cilium.io/v2', kind, metadata: { name: 'p', namespace: 'n' }, spec };
  return parseObject(object).object as CiliumNetworkPolicy | undefined;
}

/** Each rule of Cilium's own examples that is accepted. */
function* exampleRules(): Generator<{ file: string; kind: string; spec: unknown }> {
  for (const file of globSync('**/*.yaml', { cwd: examples })) {
    let documents: unknown[];
    try {
      documents = loadAll(readFileSync(join(examples, file), 'utf8'));
    } catch {
      continue;
    }
    for (const document of documents as { kind?: string; spec?: unknown; specs?: unknown[] }[]) {
      const kind = document?.kind ?? '';
      if (!/^Cilium(Clusterwide)?NetworkPolicy$/.test(kind)) continue;
      for (const spec of [document.spec, ...(document.specs ?? [])])
        if (spec !== undefined && policyOf(spec, kind) !== undefined) yield { file, kind, spec };
    }
  }
}

describe('rules as JSON', () => {
  it('say the same as the objects that they come from: every example of Cilium’s', () => {
    let count = 0;
    for (const { file, kind, spec } of exampleRules()) {
      const rules = policyOf(spec, kind)?.rules ?? [];
      const [rule] = rules;
      assert.ok(rule, file);
      const again = policyOf(JSON.parse(JSON.stringify(ruleJson(rule))), kind);
      assert.deepEqual(again?.rules, rules, file);
      count++;
    }
    assert.ok(count > 50, `${count} examples`);
  });

  it('say the same for selectors and ports of all kinds', () => {
    const key = fc.constantFrom('app', 'k8s:app', 'any:app', 'reserved:host', 'io.kubernetes.pod.namespace');
    const expression = fc.oneof(
      fc.record({ key, operator: fc.constantFrom('Exists', 'DoesNotExist') }),
      fc.record({
        key,
        operator: fc.constantFrom('In', 'NotIn'),
        values: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }),
      }),
    );
    const selector = fc.record({
      matchLabels: fc.dictionary(key, fc.constantFrom('a', 'b')),
      matchExpressions: fc.array(expression, { maxLength: 3 }),
    });
    const port = fc.record({
      port: fc.constantFrom('80', 'http', '0'),
      protocol: fc.constantFrom('TCP', 'UDP', 'ANY'),
    });
    const element = fc.record({
      fromEndpoints: fc.array(selector, { maxLength: 2 }),
      toPorts: fc.array(fc.record({ ports: fc.array(port, { maxLength: 2 }) }), { maxLength: 2 }),
    });
    const spec = fc.record({ endpointSelector: selector, ingress: fc.array(element, { maxLength: 2 }) });
    let accepted = 0;
    fc.assert(
      fc.property(spec, (of) => {
        const rules = policyOf(of)?.rules;
        const [rule] = rules ?? [];
        // A selector may have one label twice with different sources: that is refused.
        if (rule === undefined) return;
        accepted++;
        assert.deepEqual(policyOf(JSON.parse(JSON.stringify(ruleJson(rule))))?.rules, rules);
      }),
    );
    assert.ok(accepted > 20, `${accepted} accepted`);
  });

  it('NetworkPolicies come in the shape of Cilium’s rules', () => {
    const object = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'p', namespace: 'n' },
      spec: {
        podSelector: { matchLabels: { app: 'web' } },
        policyTypes: ['Ingress', 'Egress'],
        ingress: [
          {
            from: [
              { podSelector: { matchLabels: { app: 'cart' } }, namespaceSelector: { matchLabels: { team: 'a' } } },
              { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } },
            ],
            ports: [{ port: 80 }, { port: 'dns', protocol: 'UDP' }],
          },
          {},
        ],
      },
    };
    const parsed = parseObject(object).object as Parameters<typeof networkPolicyJson>[0] extends infer S
      ? { spec: S }
      : never;
    assert.deepEqual(networkPolicyJson(parsed.spec), {
      endpointSelector: { matchLabels: { 'k8s:app': 'web' } },
      ingress: [
        {
          fromEndpoints: [{ matchLabels: { 'k8s:app': 'cart', 'k8s:io.cilium.k8s.namespace.labels.team': 'a' } }],
          fromCIDRSet: [{ cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] }],
          toPorts: [
            {
              ports: [
                { port: '80', protocol: 'TCP' },
                { port: 'dns', protocol: 'UDP' },
              ],
            },
          ],
        },
        { fromEntities: ['all'] },
      ],
      egress: [],
    });
  });
});
