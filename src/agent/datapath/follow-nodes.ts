import { type CiliumNode, type KubeObject, objectKey } from '../../api/index.ts';
import { equal } from '../../lib/equal.ts';
import { formatIp, parseIp } from '../../lib/ip-address.ts';
import type { Tables } from '../../mesh/inputs.ts';
import { makeLabels, NodeIdentities, nodeLabels, remoteNodeLabels, reserved } from '../../network/identity/index.ts';
import { KUBE_APISERVER_SET, type PolicyEngine } from '../../network/policy/index.ts';
import { type ClusterNode, clusterNodeOf, hostPrefix, type Ipcache } from '../../network/routing/index.ts';

/** The Service that every cluster has in front of its API servers. */
const SERVICE = 'default/kubernetes';

export interface FollowNodesOptions {
  readonly tables: Tables;
  /** This node's name. */
  readonly node: string;
  readonly engine: PolicyEngine;
  readonly ipcache: Ipcache;
  /** Told that engine and ipcache may have changed. */
  readonly changed: () => void;
}

export interface FollowedNodes {
  /** Before new policies are in force: tells nodes apart that they do. */
  prepare(): void;
  /** Once they are: makes nodes the same that nothing tells apart any more. Returns whether there are any. */
  settle(): boolean;
  close(): void;
}

/**
 * Who nodes are. This one is the host, whatever else it is. An address of another one is a remote node's, and an API server's (the
 * entity `kube-apiserver`) where `default/kubernetes` has it; with the labels by which policies tell nodes apart, it is an
 * identity of this node's own numbers, which those entities go on to select. API servers elsewhere are networks.
 */
export function followNodes(options: FollowNodesOptions): FollowedNodes {
  const { tables, changed } = options;
  const nodes = new Nodes(options);
  const update = () => {
    nodes.update();
    changed();
  };
  nodes.update();
  const stops = [
    tables.EndpointSlice.observe((changes) => {
      if (changes.some(({ old, new: now }) => isApiServer(old) || isApiServer(now))) update();
    }),
    tables.CiliumNode.observe((changes) => {
      if (changes.some(({ old, new: now }) => !says(old, now) || !equal(old?.spec.addresses, now?.spec.addresses)))
        update();
    }),
    tables.Node.observe((changes) => {
      if (changes.some(({ old, new: now }) => !says(old, now))) update();
    }),
  ];
  return {
    prepare: () => nodes.prepare(),
    settle: () => nodes.settle(),
    close() {
      for (const stop of stops) stop();
    },
  };
}

/** Most changes of nodes are of their states. */
function says(old: KubeObject | undefined, now: KubeObject | undefined): boolean {
  return old !== undefined && now !== undefined && equal(old.metadata.labels, now.metadata.labels);
}

function isApiServer(slice: { serviceName?: string; metadata: { namespace?: string } } | undefined): boolean {
  return slice !== undefined && `${slice.metadata.namespace}/${slice.serviceName}` === SERVICE;
}

class Nodes {
  readonly #options: FollowNodesOptions;
  readonly #identities = new NodeIdentities();
  /** As objects say it: addresses are read once for each version. */
  readonly #read = new WeakMap<CiliumNode, ClusterNode>();
  #names: readonly string[] = [];
  /** Of the keys that were used last. */
  #revision = 0;

  constructor(options: FollowNodesOptions) {
    this.#options = options;
  }

  prepare(): void {
    if (this.#options.engine.nodeLabelKeys.revision !== this.#revision) this.update();
  }
  settle(): boolean {
    if (!this.#options.engine.nodeLabelKeys.settle()) return false;
    this.update();
    return true;
  }

  update(): void {
    const { tables, engine, ipcache } = this.#options;
    this.#revision = engine.nodeLabelKeys.revision;
    const apiServers = this.#apiServers();
    const nodes = Array.from(tables.CiliumNode.values(), (object) => ({ object, node: this.#nodeOf(object) }));
    const addresses = nodes.flatMap(({ object, node }) => {
      const labels = node.isLocal ? [] : this.#labelsOf(object);
      return node.addresses.map((address) => {
        const isServer = apiServers.has(address);
        return { node, address, isServer, labels: remoteNodeLabels(labels, isServer) };
      });
    });
    const remote = addresses.filter(({ node }) => !node.isLocal);
    const { removed, added } = this.#identities.update(remote.map(({ labels }) => labels));
    for (const { id } of removed) engine.deleteIdentity(id);
    for (const identity of added) engine.setIdentity(identity);

    const own = addresses.filter(({ node }) => node.isLocal);
    this.#setHost(own.some(({ isServer }) => isServer));
    const known = new Set(addresses.map(({ address }) => address));
    engine.setPrefixSet(KUBE_APISERVER_SET, [...apiServers].filter((one) => !known.has(one)).map(hostPrefix));

    const byNode = Map.groupBy(addresses, ({ node }) => node.name);
    for (const name of this.#names) if (!byNode.has(name)) ipcache.set(ownerOf(name), []);
    this.#names = [...byNode.keys()];
    for (const [name, all] of byNode)
      ipcache.set(
        ownerOf(name),
        all.map(({ node, address, isServer, labels }) => ({
          prefix: hostPrefix(address),
          identity: node.isLocal ? reserved.host : this.#identities.numberOf(labels),
          source: node.isLocal ? 'local' : isServer ? 'kube-apiserver' : 'node',
        })),
      );
  }

  /** Selectors of nodes mean this one, too, and the entity `kube-apiserver` if it is one. */
  #setHost(isServer: boolean): void {
    const { tables, node, engine } = this.#options;
    const own = nodeLabels(
      (tables.Node.get(node) ?? tables.CiliumNode.get(node))?.metadata.labels ?? {},
      engine.nodeLabelKeys.keys,
    );
    const names = isServer ? ['host', 'kube-apiserver'] : ['host'];
    const labels = makeLabels([...own, ...names.map((key) => ({ source: 'reserved', key, value: '' }))]);
    engine.setIdentity({ id: reserved.host, labels });
  }

  /** Of its Node, where that can be seen; nodes of a cluster see their own alone, and what others say of themselves. */
  #labelsOf(object: CiliumNode) {
    const { labels } = (this.#options.tables.Node.get(objectKey(object)) ?? object).metadata;
    return nodeLabels(labels, this.#options.engine.nodeLabelKeys.keys);
  }

  #nodeOf(object: CiliumNode): ClusterNode {
    let node = this.#read.get(object);
    if (node === undefined) {
      node = clusterNodeOf(object, this.#options.node);
      this.#read.set(object, node);
    }
    return node;
  }

  #apiServers(): ReadonlySet<string> {
    const addresses = this.#options.tables.slicesByService
      .get(SERVICE)
      .flatMap(({ endpoints }) => endpoints.flatMap((endpoint) => endpoint.addresses))
      .map(parseIp);
    return new Set(addresses.filter((ip) => ip !== undefined).map(formatIp));
  }
}

const ownerOf = (name: string) => `node ${name}`;
