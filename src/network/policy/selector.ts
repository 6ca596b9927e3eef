import type { EndpointSelector, LabelRequirement } from '../../api/index.ts';
import { type Label, type Labels, NODE_LABEL_SOURCE, parseLabel } from '../identity/index.ts';

/** One condition on labels; `source` `any`: whatever their source, but for `reserved`, `cidr` and `node`. */
export type Requirement = LabelRequirement;
/** All must hold; an empty one holds for everything. */
export type Selector = EndpointSelector;

/** Labels by key, for selectors. */
export type LabelIndex = ReadonlyMap<string, readonly Label[]>;

export function indexLabels(labels: Labels): LabelIndex {
  const index = new Map<string, Label[]>();
  for (const text of labels) {
    const label = parseLabel(text);
    const same = index.get(label.key);
    if (same === undefined) index.set(label.key, [label]);
    else same.push(label);
  }
  return index;
}

export function selects(selector: Selector, labels: LabelIndex): boolean {
  for (const requirement of selector) if (!holds(requirement, labels)) return false;
  return true;
}

/** `NotIn` and `DoesNotExist` hold where the key is missing, as in Kubernetes. */
function holds({ source, key, operator, values }: Requirement, labels: LabelIndex): boolean {
  const positive = operator === 'In' || operator === 'Exists';
  for (const label of labels.get(key) ?? []) {
    if (!fromSource(source, label.source)) continue;
    if (operator === 'Exists' || operator === 'DoesNotExist' || values.includes(label.value)) return positive;
  }
  return !positive;
}

function fromSource(wanted: string, source: string): boolean {
  return wanted === 'any' ? !apart.has(source) : wanted === source;
}

/** What is not a pod's has to be named. Of a node's labels an identity has those alone that selectors of nodes ask for. */
const apart: ReadonlySet<string> = new Set(['reserved', 'cidr', NODE_LABEL_SOURCE]);

/** The same for selectors that say the same in the same order; readable: `k8s:app in (a, b), !k8s:canary`. */
export function formatSelector(selector: Selector): string {
  return selector.map(formatRequirement).join(', ');
}

function formatRequirement({ source, key, operator, values }: Requirement): string {
  const name = `${source}:${key}`;
  if (operator === 'Exists') return name;
  if (operator === 'DoesNotExist') return `!${name}`;
  if (operator === 'In' && values.length === 1) return `${name}=${values[0]}`;
  return `${name} ${operator === 'In' ? 'in' : 'notin'} (${values.join(', ')})`;
}
