import { matchesSelector, type NamespaceSelector } from '../../api/index.ts';
import type { Fetch } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';

/** Whether an object in namespace `from` may attach to one in namespace `own` that selects namespaces so. */
export function namespaceAllowed(
  fetch: Fetch,
  tables: Tables,
  namespaces: NamespaceSelector<'All' | 'Selector' | 'Same' | 'None'>,
  own: string,
  from: string,
): boolean {
  switch (namespaces.from) {
    case 'All':
      return true;
    case 'Same':
      return own === from;
    case 'None':
      return false;
    case 'Selector':
      return namespaces.selector !== undefined && matchesSelector(namespaces.selector, labelsOf(fetch, tables, from));
  }
}

/** The API server puts the name's label on every namespace; files may leave it out, or the whole object. */
function labelsOf(fetch: Fetch, tables: Tables, namespace: string): Readonly<Record<string, string>> {
  const labels = fetch.get(tables.Namespace, namespace)?.metadata.labels ?? {};
  return { 'kubernetes.io/metadata.name': namespace, ...labels };
}
