import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import {
  type CiliumClusterwideNetworkPolicy,
  type CiliumNetworkPolicy,
  type EndpointSelector,
  parseObjects,
} from '../../api/index.ts';
import { type Labels, makeLabels, NAMESPACE_LABEL } from '../identity/index.ts';
import { PolicyEngine, tracePolicy } from './index.ts';

/** Policies that Cilium's own documentation tells people to apply. */
const EXAMPLES = join(import.meta.dirname, '../../../../shared/inputs/cilium-examples/policies');

type Policy = CiliumNetworkPolicy | CiliumClusterwideNetworkPolicy;

const policies = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.yaml'))
  .sort()
  .flatMap((file) =>
    loadAll(readFileSync(join(EXAMPLES, file), 'utf8'))
      .flatMap((document) => parseObjects(document))
      .map(({ object }) => object)
      .filter((object): object is Policy => object !== undefined && 'rules' in object)
      .map((policy, i) => ({ file: i === 0 ? file : `${file} ${i + 1}`, policy })),
  );

/** Somebody whom a selector selects. */
function selected(selector: EndpointSelector, namespace: string | undefined): Labels {
  const wanted = selector.filter(({ operator }) => operator === 'In' || operator === 'Exists');
  const labels = wanted.map(({ source, key, values }) => ({
    source: source === 'any' ? 'k8s' : source,
    key,
    value: values[0] ?? '',
  }));
  const isReserved = labels.some(({ source }) => source === 'reserved');
  const home = isReserved ? [] : [{ source: 'k8s', key: NAMESPACE_LABEL, value: namespace ?? 'default' }];
  return makeLabels(namespace === undefined ? [...home, ...labels] : [...labels, ...home]);
}

describe('policies of Cilium’s documentation, in force', () => {
  it('are there', () => assert.ok(policies.length > 40));

  for (const { file, policy } of policies)
    it(file, () => {
      const engine = new PolicyEngine({ cluster: 'default', enforcement: 'default', allowLocalhost: true });
      engine.setPolicy(policy);
      const subjects = policy.rules.map((rule) => {
        const labels = selected(rule.subject.selector, policy.metadata.namespace);
        const isHost = rule.subject.kind === 'nodes';
        return { rule, labels, subject: isHost ? engine.hostSubject(labels) : engine.subject(labels, []) };
      });
      engine.flush();
      for (const { rule, labels, subject } of subjects) {
        for (const direction of ['ingress', 'egress'] as const) {
          const says = rule[direction].length + rule[`${direction}Deny`].length > 0;
          const { enforced, selectedBy } = subject.enforcement[direction];
          if (says) assert.ok(enforced && selectedBy.some((ref) => ref.policy?.name === policy.metadata.name));
        }
        // Whatever the policy is, it can be explained, and whoever made the map has decided the same of everybody at once.
        const from = subject.kind === 'host' ? ['reserved:remote-node'] : ['k8s:stranger=yes'];
        const [, ingress] = tracePolicy({ from, to: labels, ports: [{ protocol: 'TCP', port: 4711 }] }, engine.world());
        const any = [...subject.entries()].some(
          ({ direction, identity, verdict, protocol, portBits }) =>
            direction === 'ingress' && identity === 0 && verdict === 'allow' && (protocol === 0 || portBits < 16),
        );
        if (ingress?.verdict === 'deny') assert.equal(any, false);
      }
    });
});
