import type { PolicyRuleView } from '../view/policy-view.ts';

/** The labels that Cilium puts on a rule, by which tools find the rules of an object. */
export function ruleLabels({ kind, namespace, name, uid }: PolicyRuleView): string[] {
  const label = (key: string, value: string) => `k8s:io.cilium.k8s.policy.${key}=${value}`;
  return [
    label('derived-from', kind),
    label('name', name),
    ...(namespace === undefined ? [] : [label('namespace', namespace)]),
    ...(uid === undefined ? [] : [label('uid', uid)]),
  ];
}

/** A rule as `cilium policy get` has it: its own fields, then the labels. Labels that the author gave come first. */
export function policyRule(view: PolicyRuleView): Record<string, unknown> {
  const own = Array.isArray(view.rule.labels) ? view.rule.labels : [];
  return {
    ...view.rule,
    labels: [
      ...own,
      ...ruleLabels(view).map((text) => {
        const equals = text.indexOf('=');
        return { key: text.slice('k8s:'.length, equals), value: text.slice(equals + 1), source: 'k8s' };
      }),
    ],
  };
}
