import type { AnyObject, EndpointSlice, KindName, ObjectByKind, ObjectRef, Pod } from '../api/index.ts';
import { objectKey } from '../api/index.ts';
import type { SourceBatch } from '../sources/source.ts';
import type { Index, Store, Table } from '../store/index.ts';

/** Kinds that are read, by what reads them; only what is a part of all translation is in `core`. */
export const kindsOf = {
  core: ['Service', 'EndpointSlice', 'Namespace'],
  onDemand: ['Secret', 'ConfigMap', 'Pod', 'Node'],
  ingress: ['Ingress', 'IngressClass'],
  gatewayApi: [
    'GatewayClass',
    'Gateway',
    'ListenerSet',
    'HTTPRoute',
    'GRPCRoute',
    'TLSRoute',
    'TCPRoute',
    'UDPRoute',
    'ReferenceGrant',
    'BackendTLSPolicy',
  ],
  envoyConfig: ['CiliumEnvoyConfig', 'CiliumClusterwideEnvoyConfig'],
  addressPools: ['CiliumLoadBalancerIPPool', 'CiliumBGPLoadBalancerIPPool'],
  policy: ['NetworkPolicy', 'CiliumNetworkPolicy', 'CiliumClusterwideNetworkPolicy', 'CiliumCIDRGroup'],
  /** What nodes tell each other. */
  datapath: ['CiliumNode', 'CiliumEndpoint', 'CiliumIdentity'],
} as const satisfies Record<string, readonly KindName[]>;

/** Every kind that is read: by translation, by the datapath, and pools of addresses by the operator. */
export const inputKinds: readonly KindName[] = Object.values(kindsOf).flat();

/** The source tables, by kind; keys are `objectKey`. The indexes are those that more than one translator reads. */
export type Tables = { readonly [K in KindName]: Table<ObjectByKind[K]> } & {
  /** EndpointSlices by their Service's `namespace/name`. */
  readonly slicesByService: Index<EndpointSlice>;
  /** Pods by `namespace/label=value`, one entry for each label. */
  readonly podsByLabel: Index<Pod>;
};

export function createTables(store: Store): Tables {
  const tables = Object.fromEntries(inputKinds.map((kind) => [kind, store.table(kind)])) as unknown as {
    [K in KindName]: Table<ObjectByKind[K]>;
  };
  return {
    ...tables,
    slicesByService: tables.EndpointSlice.index('service', (slice) =>
      slice.serviceName === undefined ? undefined : `${slice.metadata.namespace}/${slice.serviceName}`,
    ),
    podsByLabel: tables.Pod.index('label', (pod) =>
      Object.entries(pod.metadata.labels).map(([key, value]) => podLabelKey(pod.metadata.namespace ?? '', key, value)),
    ),
  };
}

export function podLabelKey(namespace: string, key: string, value: string): string {
  return `${namespace}/${key}=${value}`;
}

export function refToKey(ref: ObjectRef): string {
  return ref.namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`;
}

/** Writes a source's batch. All of it reaches translation as one change. */
export function applyBatch(tables: Tables, batch: SourceBatch): void {
  for (const change of batch.changes) {
    if (change.op === 'set') setObject(tables, change.object);
    else if (change.ref.kind in tables) tables[change.ref.kind as KindName].delete(refToKey(change.ref));
  }
}

export function setObject(tables: Tables, object: AnyObject): void {
  (tables[object.kind] as Table<AnyObject>).set(objectKey(object), object);
}
