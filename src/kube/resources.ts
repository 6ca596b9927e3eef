import { kinds } from '../api/index.ts';

/** A kind as the API server knows it: what its paths are made of. */
export interface Resource {
  readonly kind: string;
  /** `''` for core. */
  readonly group: string;
  /** Those that we can use, the preferred one first; which of them a server has is `discoverGroup`'s to say. */
  readonly versions: readonly string[];
  /** As in paths: `httproutes`. */
  readonly plural: string;
  readonly namespaced: boolean;
}

const others: readonly Omit<Resource, 'plural'>[] = [
  { kind: 'Lease', group: 'coordination.k8s.io', versions: ['v1'], namespaced: true },
  { kind: 'Event', group: 'events.k8s.io', versions: ['v1'], namespaced: true },
  { kind: 'CustomResourceDefinition', group: 'apiextensions.k8s.io', versions: ['v1'], namespaced: false },
  { kind: 'DaemonSet', group: 'apps', versions: ['v1'], namespaced: true },
  { kind: 'Job', group: 'batch', versions: ['v1'], namespaced: true },
  { kind: 'Deployment', group: 'apps', versions: ['v1'], namespaced: true },
  { kind: 'ServiceAccount', group: '', versions: ['v1'], namespaced: true },
  { kind: 'ClusterRole', group: 'rbac.authorization.k8s.io', versions: ['v1'], namespaced: false },
  { kind: 'ClusterRoleBinding', group: 'rbac.authorization.k8s.io', versions: ['v1'], namespaced: false },
  { kind: 'Role', group: 'rbac.authorization.k8s.io', versions: ['v1'], namespaced: true },
  { kind: 'RoleBinding', group: 'rbac.authorization.k8s.io', versions: ['v1'], namespaced: true },
];

/** Every kind that any part of us reads or writes: those of `src/api` (as written, so `XListenerSet` too), and others. */
export const resources: readonly Resource[] = [...kinds, ...others].map(({ kind, group, versions, namespaced }) => ({
  kind,
  group,
  versions,
  plural: pluralOf(kind),
  namespaced,
}));

/** Kubernetes' own groups, whose resources are always there, as far as they are in the table. */
const BUILT_IN = new Set([
  '',
  'apiextensions.k8s.io',
  'apps',
  'batch',
  'coordination.k8s.io',
  'discovery.k8s.io',
  'events.k8s.io',
  'networking.k8s.io',
  'rbac.authorization.k8s.io',
]);

/** Whether the resources of a group are defined by CustomResourceDefinitions, which come and go. */
export const isCustom = (group: string): boolean => !BUILT_IN.has(group);

const byKind = new Map(resources.map((resource) => [resource.kind, resource]));

/** The resource of a kind; a kind that is not in the table is a bug of the caller. */
export function resourceOf(kind: string): Resource {
  const resource = byKind.get(kind);
  if (resource === undefined) throw new Error(`bug: no resource of kind ${kind}`);
  return resource;
}

export interface PathOptions {
  /** The preferred version unless given. */
  readonly version?: string;
  /** All namespaces unless given. */
  readonly namespace?: string;
  /** The collection unless given. */
  readonly name?: string;
  /** `status`, `finalizers`, ... */
  readonly subresource?: string;
}

/** `/apis/GROUP/VERSION/namespaces/NAMESPACE/PLURAL/NAME/SUBRESOURCE`, as far as it is given. */
export function pathOf(kind: string | Resource, options: PathOptions = {}): string {
  const { group, versions, plural } = typeof kind === 'string' ? resourceOf(kind) : kind;
  const { version = versions[0], namespace, name, subresource } = options;
  const base = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  return `${base}${scope}/${plural}${object}${subresource === undefined ? '' : `/${subresource}`}`;
}

/** English, which all kinds here keep: `gateways`, but `backendtlspolicies`. */
function pluralOf(kind: string): string {
  const lower = kind.toLowerCase();
  if (lower.endsWith('s')) return `${lower}es`;
  if (/[^aeiou]y$/.test(lower)) return `${lower.slice(0, -1)}ies`;
  return `${lower}s`;
}
