import { parsePrefix } from '../identity/index.ts';
import type { ClusterNode, Routing } from './node.ts';

/** A route that the kernel should have for a Pod CIDR of another node. */
export interface NodeRoute {
  /** Canonical. */
  readonly destination: string;
  /** Index of the device. */
  readonly link: number;
  readonly gateway: string;
  /** The gateway counts as a neighbour whatever the device's addresses are. */
  readonly onLink: boolean;
  /** What this node itself sends from, where it is not left to the kernel. */
  readonly source?: string;
  /** Bytes. */
  readonly mtu?: number;
}

/** What routes are made from. */
export interface RouteFacts {
  readonly routing: Routing;
  /** This node's own addresses and where they are: `192.0.2.1/24`, canonical or not. */
  readonly attached: readonly { readonly prefix: string; readonly link: number }[];
  /** The tunnel's device, and the gateways behind it, by family: addresses that stand for "into the tunnel". */
  readonly tunnel?: {
    readonly link: number;
    readonly gateway4: string;
    readonly gateway6: string;
    readonly mtu: number;
  };
  /** Addresses of this node that others reach it at. */
  readonly local: Pick<ClusterNode, 'ipv4' | 'ipv6'>;
}

/** A node whose Pods cannot be reached by what we may do here; its reason is a sentence. */
export interface Unreachable {
  readonly node: string;
  readonly destination: string;
  readonly reason: string;
}

/**
 * The routes to the Pods of other nodes. Direct ones need the node to be a neighbour: where it is not, the network in between routes
 * Pod CIDRs itself (BGP, a cloud), and the default route is right; that is told, not repaired.
 */
export function nodeRoutes(
  nodes: Iterable<ClusterNode>,
  facts: RouteFacts,
): { readonly routes: readonly NodeRoute[]; readonly unreachable: readonly Unreachable[] } {
  const routes: NodeRoute[] = [];
  const unreachable: Unreachable[] = [];
  const attached = facts.attached.flatMap(({ prefix, link }) => {
    const parsed = parsePrefix(prefix);
    return parsed === undefined ? [] : [{ parsed, link }];
  });
  for (const node of nodes) {
    if (node.isLocal) continue;
    for (const destination of node.podCidrs) {
      const is6 = destination.includes(':');
      if (facts.routing === 'vxlan') {
        if (facts.tunnel === undefined) continue;
        const { link, gateway4, gateway6, mtu } = facts.tunnel;
        const source = is6 ? facts.local.ipv6 : facts.local.ipv4;
        const gateway = is6 ? gateway6 : gateway4;
        routes.push({ destination, link, gateway, onLink: true, mtu, ...(source === undefined ? {} : { source }) });
        continue;
      }
      const gateway = is6 ? node.ipv6 : node.ipv4;
      const address = gateway === undefined ? undefined : parsePrefix(gateway);
      const on = attached.find(({ parsed }) => address !== undefined && coversAddress(parsed, address));
      if (gateway === undefined)
        unreachable.push({ node: node.name, destination, reason: `the node has no IPv${is6 ? 6 : 4} address` });
      else if (on === undefined)
        unreachable.push({ node: node.name, destination, reason: `${gateway} is in no network of this node` });
      else routes.push({ destination, link: on.link, gateway, onLink: false });
    }
  }
  return { routes, unreachable };
}

type Parsed = NonNullable<ReturnType<typeof parsePrefix>>;

function coversAddress(network: Parsed, address: Parsed): boolean {
  // Host routes and link-local addresses have no neighbours that could be gateways.
  if (network.family !== address.family || network.length >= (network.family === 4 ? 31 : 127)) return false;
  const host = BigInt((network.family === 4 ? 32 : 128) - network.length);
  return network.value >> host === address.value >> host;
}
