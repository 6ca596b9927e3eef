import type { Diagnostic, PolicyRule, PortRule, TrafficRule } from '../api/index.ts';

/**
 * What of a valid policy lets nothing through, as nobody is there to look into the traffic: L7 rules and TLS without a proxy, DNS
 * names without anybody who follows their answers. Warnings, with paths in the object.
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
      : [limit(`${path}.toPorts[${i}].${needs}`, 'needs a proxy for L7, and there is none')];
  });
  if (peers?.kind === 'fqdns')
    found.push(limit(`${path}.toFQDNs`, 'needs somebody who follows answers of DNS, and there is nobody'));
  return found;
}

/** The field that says so. */
function needsProxy(element: PortRule): string | undefined {
  if (element.serverNames.length > 0) return 'serverNames';
  return (['rules', 'listener', 'terminatingTLS', 'originatingTLS'] as const).find(
    (name) => element[name] !== undefined,
  );
}

const limit = (field: string, why: string): Diagnostic => ({
  severity: 'warning',
  reason: 'Unsupported',
  message: `${field} ${why}, so this lets nothing through`,
  hint: 'allow it by port or network where that will do',
  field,
});
