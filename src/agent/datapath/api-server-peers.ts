import { formatIp, parseIp } from '../../lib/ip-address.ts';
import type { Tables } from '../../mesh/inputs.ts';
import { reserved } from '../../network/identity/index.ts';
import { KUBE_APISERVER_SET, type PolicyEngine } from '../../network/policy/index.ts';
import { clusterNodeOf, hostPrefix, type Ipcache } from '../../network/routing/index.ts';

/** The Service that every cluster has in front of its API servers. */
const SERVICE = 'default/kubernetes';

export interface ApiServerPeersOptions {
  readonly tables: Tables;
  /** This node's name. */
  readonly node: string;
  readonly engine: PolicyEngine;
  readonly ipcache: Ipcache;
  /** Told that engine and ipcache may have changed. */
  readonly changed: () => void;
}

/**
 * Which addresses the entity `kube-apiserver` is: the endpoints of `default/kubernetes`. One on another node makes that node's
 * address identity 7, one on this node is a label more of the host's identity, and all others are networks.
 */
export function followApiServer(options: ApiServerPeersOptions): { close(): void } {
  const { tables, changed } = options;
  const update = () => {
    updateApiServer(options);
    changed();
  };
  updateApiServer(options);
  const stops = [
    tables.EndpointSlice.observe((changes) => {
      if (changes.some(({ old, new: now }) => isApiServer(old) || isApiServer(now))) update();
    }),
    tables.CiliumNode.observe(update),
  ];
  return {
    close() {
      for (const stop of stops) stop();
    },
  };
}

function isApiServer(slice: { serviceName?: string; metadata: { namespace?: string } } | undefined): boolean {
  return slice !== undefined && `${slice.metadata.namespace}/${slice.serviceName}` === SERVICE;
}

function updateApiServer({ tables, node, engine, ipcache }: ApiServerPeersOptions): void {
  const own = new Set<string>();
  const others = new Set<string>();
  for (const object of tables.CiliumNode.values()) {
    const { isLocal, addresses } = clusterNodeOf(object, node);
    for (const address of addresses) (isLocal ? own : others).add(address);
  }
  const addresses = tables.slicesByService
    .get(SERVICE)
    .flatMap(({ endpoints }) => endpoints.flatMap((endpoint) => endpoint.addresses))
    .map(parseIp)
    .filter((ip) => ip !== undefined)
    .map(formatIp);
  const here = addresses.some((address) => own.has(address));
  engine.setIdentity({
    id: reserved.host,
    labels: here ? ['reserved:host', 'reserved:kube-apiserver'] : ['reserved:host'],
  });
  ipcache.set(
    'API server',
    addresses
      .filter((address) => others.has(address))
      .map((address) => ({
        ...{ prefix: hostPrefix(address), identity: reserved['kube-apiserver'], source: 'kube-apiserver' },
      })),
  );
  engine.setPrefixSet(
    KUBE_APISERVER_SET,
    addresses.filter((address) => !own.has(address) && !others.has(address)).map(hostPrefix),
  );
}
