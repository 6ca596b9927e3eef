import type { RuleLabel } from '../../../api/index.ts';
import { isObject } from '../../../lib/is-object.ts';
import type { PolicyRuleView } from '../view/policy-view.ts';

/** The source of the label that names a local policy, as events and traces do. */
const localSource = 'sluice';

/** What a rule is found by: the labels that its author gave it, then those of its object, which are Cilium's, or the name of a local one. */
function labelsOf({ kind, namespace, name, uid, rule }: PolicyRuleView): RuleLabel[] {
  const own = Array.isArray(rule.labels) ? (rule.labels as RuleLabel[]) : [];
  if (kind === 'LocalPolicy') return [...own, { key: 'policy', value: name, source: localSource }];
  const label = (key: string, value: string) => ({ key: `io.cilium.k8s.policy.${key}`, value, source: 'k8s' });
  return [
    ...own,
    label('derived-from', kind),
    label('name', name),
    ...(namespace === undefined ? [] : [label('namespace', namespace)]),
    ...(uid === undefined ? [] : [label('uid', uid)]),
  ];
}

/** `source:key=value` each. */
export function ruleLabels(view: PolicyRuleView): string[] {
  return labelsOf(view).map(({ source, key, value }) => `${source}:${key}=${value}`);
}

/** A rule as `cilium policy get` has it: its own fields, then the labels. */
export function policyRule(view: PolicyRuleView): Record<string, unknown> {
  return { ...view.rule, labels: labelsOf(view) };
}

/** Rules as they were listed may come back: their names are given anew. */
export function withoutName(raw: unknown): unknown {
  if (!isObject(raw) || !Array.isArray(raw.labels)) return raw;
  return { ...raw, labels: raw.labels.filter((label) => !isObject(label) || label.source !== localSource) };
}
