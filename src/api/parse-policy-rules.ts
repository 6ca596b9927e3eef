import type { PolicyRule } from './cilium-policy.ts';
import type { Diagnostic } from './diagnostic.ts';
import { ciliumRuleList } from './parsers/cilium-policy.ts';
import { Context, withinBudget } from './schema/index.ts';

export interface ParsedRules {
  /** Absent where there is an error. Their `field` is `spec`: each is a policy of its own. */
  readonly rules?: readonly PolicyRule[];
  /** Their `field` is a path in the list: `[1].ingress[0].toPorts`. */
  readonly diagnostics: readonly Diagnostic[];
}

/** A list of rules without an object around them, as `cilium policy import` reads it; as strict as `parseObject` is with the objects. */
export function parsePolicyRules(raw: unknown): ParsedRules {
  const context = new Context();
  if (!withinBudget(raw, context)) return { diagnostics: context.diagnostics() };
  const rules = ciliumRuleList(raw, context);
  const diagnostics = context.diagnostics();
  return context.errors === 0 ? { rules, diagnostics } : { diagnostics };
}
