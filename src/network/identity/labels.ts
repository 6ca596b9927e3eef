import { compareText } from '../../lib/compare.ts';

/** `source:key=value`, sorted by code unit, each key of a source once. Equal labels are equal texts: see {@link labelsKey}. */
export type Labels = readonly string[];

/** One label taken apart. `value` is `''` where none was given, as with `reserved:host`. */
export interface Label {
  readonly source: string;
  readonly key: string;
  readonly value: string;
}

/** `k8s:app=web`, `reserved:host`, and `app=web`, whose source is `unspec`. */
export function parseLabel(text: string): Label {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  const value = equals < 0 ? '' : text.slice(equals + 1);
  const colon = name.indexOf(':');
  if (colon < 0) return { source: 'unspec', key: name, value };
  return { source: name.slice(0, colon), key: name.slice(colon + 1), value };
}

/** The one text of a label: a value that is empty is left out with its `=` on reserved labels alone, as Cilium prints them. */
export function formatLabel({ source, key, value }: Label): string {
  return value === '' && source === 'reserved' ? `${source}:${key}` : `${source}:${key}=${value}`;
}

/** Sorted, and each key once: of two labels with one key, the later one. */
export function makeLabels(labels: Iterable<Label>): Labels {
  const byName = new Map<string, string>();
  for (const label of labels) byName.set(`${label.source}:${label.key}`, formatLabel(label));
  return [...byName.values()].sort(compareText);
}

/** As in a CiliumIdentity's `security-labels`: `source:key` to its value. */
export function labelsOfMap(map: Readonly<Record<string, string>>): Labels {
  return makeLabels(Object.entries(map).map(([name, value]) => ({ ...parseLabel(name), value })));
}

export function labelsToMap(labels: Labels): Record<string, string> {
  return Object.fromEntries(
    labels.map((text) => {
      const { source, key, value } = parseLabel(text);
      return [`${source}:${key}`, value];
    }),
  );
}

/** Equal for equal labels, different for different ones: the separator stands in no label. */
export function labelsKey(labels: Labels): string {
  return labels.join('\n');
}
