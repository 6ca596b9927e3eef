import { ciliumRules } from './cilium-rules.ts';
import { networkPolicyRules } from './network-policy-rules.ts';
import type { PolicyObject } from './policy-engine-types.ts';
import type { Rule } from './rule.ts';
import type { RuleRef } from './rule-ref.ts';

/** A policy of any kind as rules. `ref` gives the reference to a place in it: `ingress[0].toPorts[1]`. */
export function policyRules(policy: PolicyObject, cluster: string, ref: (path: string) => RuleRef): Rule[] {
  return policy.kind === 'NetworkPolicy' ? networkPolicyRules(policy, ref) : ciliumRules(policy, cluster, ref);
}
