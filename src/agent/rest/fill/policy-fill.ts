import type {
  CiliumClusterwideNetworkPolicy,
  CiliumNetworkPolicy,
  LocalPolicy,
  NetworkPolicy,
} from '../../../api/index.ts';
import type { PolicyRuleView } from '../view/policy-view.ts';
import { networkPolicyJson } from '../words/network-policy-json.ts';
import { ruleJson } from '../words/rule-json.ts';
import type { NodeSources } from './node-sources.ts';

/** All rules, in the order of kind, namespace, name, and place in the object; last the local ones, in the order in which they came. */
export function policyRuleViews(tables: NodeSources['tables'], local: readonly LocalPolicy[]): PolicyRuleView[] {
  const views: PolicyRuleView[] = [];
  const cilium: Iterable<CiliumNetworkPolicy | CiliumClusterwideNetworkPolicy>[] = [
    tables.CiliumNetworkPolicy.values(),
    tables.CiliumClusterwideNetworkPolicy.values(),
  ];
  for (const objects of cilium)
    for (const { kind, metadata, rules } of sorted(objects))
      for (const rule of rules) views.push({ kind, ...named(metadata), rule: ruleJson(rule) });
  for (const { kind, metadata, spec } of sorted<NetworkPolicy>(tables.NetworkPolicy.values()))
    views.push({ kind, ...named(metadata), rule: networkPolicyJson(spec) });
  for (const { kind, metadata, rules } of local)
    for (const rule of rules) views.push({ kind, ...named(metadata), rule: ruleJson(rule) });
  return views;
}

interface Named {
  readonly metadata: {
    readonly namespace?: string | undefined;
    readonly name: string;
    readonly uid?: string | undefined;
  };
}

function sorted<T extends Named>(objects: Iterable<T>): T[] {
  const key = ({ metadata: { namespace = '', name } }: Named) => `${namespace}/${name}`;
  return [...objects].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

function named({ namespace, name, uid }: Named['metadata']) {
  return { ...(namespace === undefined ? {} : { namespace }), name, ...(uid === undefined ? {} : { uid }) };
}
