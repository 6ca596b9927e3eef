import {
  type Diagnostic,
  type KubeObject,
  type PolicyRule,
  type PortRule,
  refKey,
  refOf,
  type TrafficRule,
} from '../api/index.ts';
import type { Tables } from '../mesh/inputs.ts';
import type { Collection, DerivedCollection, Store } from '../store/index.ts';

/** Of what needs the proxy for L7 while there is none. */
const L7_PROXY_DISABLED = 'L7ProxyDisabled';

/**
 * What of a policy lets nothing through, as nobody is there to look into the traffic: L7 rules and TLS without a proxy, which Cilium
 * refuses and so is an error, and DNS names without anybody who follows their answers, a warning. With paths in the object. The rest of the
 * policy is in force: without it, what it was to be kept from would be allowed.
 */
export function policyLimits({ rules }: { readonly rules: readonly PolicyRule[] }): Diagnostic[] {
  return rules.flatMap(({ field, ingress, egress }) => [
    ...ingress.flatMap((element, i) => limitsOf(element, `${field}.ingress[${i}]`)),
    ...egress.flatMap((element, i) => limitsOf(element, `${field}.egress[${i}]`)),
  ]);
}

function limitsOf({ peers, toPorts }: TrafficRule, path: string): Diagnostic[] {
  const found = toPorts.flatMap((element, i) => {
    const needs = needsProxy(element);
    return needs === undefined
      ? []
      : [
          limit(
            'error',
            L7_PROXY_DISABLED,
            `${path}.toPorts[${i}].${needs}`,
            'needs the proxy for L7, and there is none',
          ),
        ];
  });
  if (peers?.kind === 'fqdns')
    found.push(
      limit(
        'warning',
        'Unsupported',
        `${path}.toFQDNs`,
        'needs somebody who follows answers of DNS, and there is nobody',
      ),
    );
  return found;
}

/** The field that says so. */
function needsProxy(element: PortRule): string | undefined {
  if (element.serverNames.length > 0) return 'serverNames';
  return (['rules', 'listener', 'terminatingTLS', 'originatingTLS'] as const).find(
    (name) => element[name] !== undefined,
  );
}

const limit = (severity: Diagnostic['severity'], reason: string, field: string, why: string): Diagnostic => ({
  ...{ severity, reason },
  message: `${field} ${why}, so this lets nothing through`,
  hint: 'allow it by port or network where that will do',
  field,
});

/** The same of all policies that there are, for those who have no status to look at. */
export function derivePolicyLimits(
  store: Store,
  { CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy }: Pick<Tables, PolicyKind>,
): DerivedCollection<readonly Diagnostic[]>[] {
  return [deriveLimits(store, CiliumNetworkPolicy), deriveLimits(store, CiliumClusterwideNetworkPolicy)];
}

type PolicyKind = 'CiliumNetworkPolicy' | 'CiliumClusterwideNetworkPolicy';

function deriveLimits<P extends KubeObject & Parameters<typeof policyLimits>[0]>(store: Store, table: Collection<P>) {
  return store.derive<P, readonly Diagnostic[]>(table, {
    name: `limits.${table.name}`,
    map: (_fetch, policy) => {
      const object = refOf(policy);
      const found = policyLimits(policy).map((limit) => ({ ...limit, object }));
      return found.length === 0 ? [] : [[refKey(object), found]];
    },
  });
}
