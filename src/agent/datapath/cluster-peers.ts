import { type CiliumEndpoint, objectKey } from '../../api/index.ts';
import type { Netlink } from '../../datapath/index.ts';
import type { Fault } from '../../lib/fault.ts';
import type { Log } from '../../lib/log.ts';
import type { Tables } from '../../mesh/inputs.ts';
import { reserved } from '../../network/identity/index.ts';
import type { UnreachableRoute } from '../../network/ipam/index.ts';
import {
  type ClusterNode,
  clusterNodeOf,
  endpointEntries,
  hostPrefix,
  type Ipcache,
  nodeRoutes,
  podCidrEntries,
  type Routing,
  type Unreachable,
} from '../../network/routing/index.ts';
import type { NodeDevices } from './node-devices.ts';
import { reconcileRoutes } from './node-routes.ts';
import { tunnelGateways } from './tunnel.ts';

export interface ClusterPeersOptions {
  readonly tables: Tables;
  readonly node: string;
  readonly routing: Routing;
  readonly ipcache: Ipcache;
  readonly netlink: Netlink;
  readonly devices: () => NodeDevices;
  /** With VXLAN: the device, and bytes that fit into it. */
  readonly tunnel: () => { readonly link: number; readonly mtu: number } | undefined;
  readonly unreachable: () => readonly UnreachableRoute[];
  /** Interfaces of this node's endpoints: routes through them are not of here. */
  readonly endpointLinks: () => Iterable<number>;
  /** Told that ipcache may have changed. */
  readonly changed: () => void;
  readonly log: Log;
}

/**
 * What other nodes tell us: their Pod CIDRs, and who has which address there. Becomes ipcache and routes. Who the nodes' own
 * addresses are is found elsewhere (`followNodes`).
 */
export class ClusterPeers {
  readonly #options: ClusterPeersOptions;
  readonly #nodes = new Map<string, ClusterNode>();
  readonly #stops: (() => void)[];
  #faults: readonly Fault[] = [];
  #unreachable: readonly Unreachable[] = [];

  /** What there is now is taken in at once; routes are the caller's first `updateRoutes`. */
  constructor(options: ClusterPeersOptions) {
    this.#options = options;
    const { tables } = options;
    for (const node of tables.CiliumNode.values()) this.#setNode(clusterNodeOf(node, options.node));
    for (const endpoint of tables.CiliumEndpoint.values()) this.#setEndpoint(objectKey(endpoint), endpoint);
    this.#stops = [
      tables.CiliumNode.observe((changes) => {
        for (const { key, new: now } of changes)
          if (now !== undefined) this.#setNode(clusterNodeOf(now, options.node));
          else this.#deleteNode(key);
        this.updateRoutes();
        options.changed();
      }),
      tables.CiliumEndpoint.observe((changes) => {
        for (const { key, new: now } of changes) this.#setEndpoint(key, now);
        options.changed();
      }),
    ];
    this.setHostAddresses();
  }

  nodes(): Iterable<ClusterNode> {
    return this.#nodes.values();
  }
  local(): ClusterNode | undefined {
    return this.#nodes.get(this.#options.node);
  }
  /** What cannot be routed, and what the kernel refused. */
  problems(): { readonly faults: readonly Fault[]; readonly unreachable: readonly Unreachable[] } {
    return { faults: this.#faults, unreachable: this.#unreachable };
  }

  /** The node's own addresses, whether or not its CiliumNode has them. */
  setHostAddresses(): void {
    const own = this.#options.devices().addresses.filter((address) => !isLinkLocal(address));
    this.#options.ipcache.set(
      'host',
      own.map((address) => ({ prefix: hostPrefix(address), identity: reserved.host, source: 'local' })),
    );
  }

  /** Makes the kernel's routes those to the nodes that there are. Answers how many it wrote or removed. */
  updateRoutes(): number {
    const { routing, devices, netlink, unreachable, endpointLinks, log } = this.#options;
    const tunnel = this.#options.tunnel();
    const { attached, ipv4, ipv6 } = devices();
    const desired = nodeRoutes(this.#nodes.values(), {
      ...{ routing, attached },
      local: { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) },
      ...(tunnel === undefined ? {} : { tunnel: { ...tunnel, ...tunnelGateways } }),
    });
    if (JSON.stringify(desired.unreachable) !== JSON.stringify(this.#unreachable))
      for (const { node, destination, reason } of desired.unreachable)
        log.warn(
          { node, destination, reason },
          'no direct route to the Pods of a node: the network has to know the way',
        );
    this.#unreachable = desired.unreachable;
    let changed = 0;
    try {
      ({ changed, faults: this.#faults } = reconcileRoutes(netlink, desired.routes, unreachable(), endpointLinks()));
    } catch (error) {
      this.#faults = [error as Fault];
    }
    for (const fault of this.#faults) log.error({ err: fault }, 'a route is missing');
    return changed;
  }

  /** Endpoints that the cluster has of this node, by key: `namespace/name`. */
  *ownEndpoints(): Generator<string> {
    for (const [key, endpoint] of this.#options.tables.CiliumEndpoint.entries()) if (this.#isOwn(endpoint)) yield key;
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #setNode(node: ClusterNode): void {
    this.#nodes.set(node.name, node);
    this.#options.ipcache.set(`Pods of node ${node.name}`, podCidrEntries(node, this.#options.routing));
  }
  #deleteNode(name: string): void {
    this.#nodes.delete(name);
    this.#options.ipcache.set(`Pods of node ${name}`, []);
  }
  #setEndpoint(key: string, endpoint: CiliumEndpoint | undefined): void {
    const entries =
      endpoint === undefined || this.#isOwn(endpoint) ? [] : endpointEntries(endpoint, this.#options.routing);
    this.#options.ipcache.set(`endpoint ${key}`, entries);
  }
  /** Of our own endpoints we know more than what we have told. */
  #isOwn({ status }: CiliumEndpoint): boolean {
    const node = status.networking?.node;
    return node !== undefined && this.#options.devices().addresses.includes(node);
  }
}

function isLinkLocal(address: string): boolean {
  return /^(?:169\.254\.|fe[89ab])/.test(address) || address.startsWith('127.') || address === '::1';
}
