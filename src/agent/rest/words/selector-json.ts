import type { EndpointSelector, LabelSelector } from '../../../api/index.ts';

export interface SelectorJson {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** A selector as Cilium's API writes it: keys with their source, `any:app`. */
export function selectorJson(selector: EndpointSelector): SelectorJson {
  // Of two values that one label must have, which is nobody's, one stands in the map.
  const first = new Map<string, EndpointSelector[number]>();
  for (const requirement of selector) {
    const { source, key, operator, values } = requirement;
    const name = `${source}:${key}`;
    if (operator === 'In' && values.length === 1 && !first.has(name)) first.set(name, requirement);
  }
  const equals = [...first.values()];
  const others = selector.filter((requirement) => !equals.includes(requirement));
  return {
    ...(equals.length === 0
      ? {}
      : {
          matchLabels: Object.fromEntries(
            equals.map(({ source, key, values }) => [`${source}:${key}`, values[0] ?? '']),
          ),
        }),
    ...(others.length === 0
      ? {}
      : {
          matchExpressions: others.map(({ source, key, operator, values }) => ({
            key: `${source}:${key}`,
            operator,
            ...(values.length === 0 ? {} : { values }),
          })),
        }),
  };
}

/** Of Kubernetes' own objects: every label is one of `k8s`. `prefix` goes before the key, for labels of namespaces. */
export function kubeSelectorJson({ matchLabels, matchExpressions }: LabelSelector, prefix = 'k8s:'): SelectorJson {
  const labels = Object.entries(matchLabels);
  return {
    ...(labels.length === 0
      ? {}
      : { matchLabels: Object.fromEntries(labels.map(([key, value]) => [`${prefix}${key}`, value])) }),
    ...(matchExpressions.length === 0
      ? {}
      : {
          matchExpressions: matchExpressions.map(({ key, operator, values }) => ({
            key: `${prefix}${key}`,
            operator,
            ...(values.length === 0 ? {} : { values }),
          })),
        }),
  };
}
