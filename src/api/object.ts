/** What every Kubernetes object has, after parsing: times in ms since the epoch, absent maps as empty ones. */
export interface ObjectMeta {
  readonly name: string;
  /** Absent on cluster-scoped objects; `default` where a namespaced object names none. */
  readonly namespace?: string;
  readonly uid?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** ms since the epoch; 0 where the object has none (a file): then names decide who is older. */
  readonly creationTimestamp: number;
  /** 0 where there is none. */
  readonly generation: number;
}

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** Names one object. `group` is the API group, `''` for core. */
export interface ObjectRef {
  readonly group: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/** `namespace/name`, or `name` for cluster-scoped objects: the key in every table. */
export function objectKey(object: { readonly metadata: Pick<ObjectMeta, 'namespace' | 'name'> }): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
}

export function refOf(object: KubeObject): ObjectRef {
  const slash = object.apiVersion.indexOf('/');
  const group = slash < 0 ? '' : object.apiVersion.slice(0, slash);
  const { namespace, name } = object.metadata;
  return namespace === undefined ? { group, kind: object.kind, name } : { group, kind: object.kind, namespace, name };
}

/** For people: `HTTPRoute default/shop`. */
export function formatRef(ref: ObjectRef): string {
  return `${ref.kind} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name}`;
}

/** For maps and indexes: `HTTPRoute.gateway.networking.k8s.io/default/shop`. */
export function refKey(ref: ObjectRef): string {
  return `${ref.kind}${ref.group && `.${ref.group}`}/${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name}`;
}

/** Older first, then by `namespace/name`: the order in which Gateway API and we settle conflicts. */
export function compareAge(a: KubeObject, b: KubeObject): number {
  const age = a.metadata.creationTimestamp - b.metadata.creationTimestamp;
  if (age !== 0) return age;
  const left = objectKey(a);
  const right = objectKey(b);
  return left < right ? -1 : left > right ? 1 : 0;
}
