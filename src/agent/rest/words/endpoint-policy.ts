import type { DirectionRules, EndpointPolicy, EndpointPolicyEnabled, PolicyRule } from '../models/endpoint.ts';
import type { EndpointPolicyView, EndpointView } from '../view/endpoint-view.ts';
import type { PolicyEntryView } from '../view/policy-view.ts';
import { portName, protocolOf } from './ports.ts';

/** What an endpoint's map says, in the API's words: identities by direction and verdict, rules by port, rules by CIDR. */
export function endpointPolicy(
  { policy, identity }: EndpointView,
  labelsOf: (identity: number) => readonly string[],
): EndpointPolicy {
  const entries = [...policy.entries()];
  const identities = (direction: PolicyEntryView['direction'], denied: boolean) =>
    [
      ...new Set(
        entries
          .filter((entry) => entry.direction === direction && (entry.verdict === 'deny') === denied)
          .map((entry) => entry.identity),
      ),
    ].sort((a, b) => a - b);
  return {
    'policy-revision': policy.revision,
    ...(identity === undefined ? {} : { id: identity }),
    'policy-enabled': policyEnabled(policy),
    'allowed-ingress-identities': identities('ingress', false),
    'denied-ingress-identities': identities('ingress', true),
    'allowed-egress-identities': identities('egress', false),
    'denied-egress-identities': identities('egress', true),
    l4: byDirection(entries, (entry) => (entry.protocol === 0 ? [] : [portRule(entry)])),
    'cidr-policy': byDirection(entries, (entry) =>
      labelsOf(entry.identity)
        .filter((label) => label.startsWith('cidr:'))
        .map((label) => label.slice('cidr:'.length)),
    ),
  };
}

export function policyEnabled({ ingress, egress, audit }: EndpointPolicyView): EndpointPolicyEnabled {
  if (!ingress && !egress) return 'none';
  const direction = ingress && egress ? 'both' : ingress ? 'ingress' : 'egress';
  return audit ? `audit-${direction}` : direction;
}

function portRule(entry: PolicyEntryView): string {
  return JSON.stringify({ port: portName(entry), protocol: protocolOf(entry), verdict: entry.verdict });
}

/** Rules that are the same text once, with all that they come from. */
function byDirection(
  entries: readonly PolicyEntryView[],
  rulesOf: (entry: PolicyEntryView) => readonly string[],
): DirectionRules {
  const collect = (direction: PolicyEntryView['direction']): PolicyRule[] => {
    const origins = new Map<string, Set<string>>();
    for (const entry of entries) {
      if (entry.direction !== direction) continue;
      for (const rule of rulesOf(entry)) {
        const known = origins.get(rule);
        if (known === undefined) origins.set(rule, new Set([entry.rule]));
        else known.add(entry.rule);
      }
    }
    return [...origins].map(([rule, from]) => ({ rule, 'derived-from-rules': [...from].sort().map((name) => [name]) }));
  };
  return { ingress: collect('ingress'), egress: collect('egress') };
}
