import type { CiliumEndpoint, CiliumNode } from '../../api/index.ts';
import { formatIp, parseIp } from '../../lib/ip-address.ts';
import { parsePrefix, reserved, scopeOf } from '../identity/index.ts';
import type { PrefixEntry } from './ipcache.ts';
import type { ClusterNode, Routing } from './node.ts';

const ownTypes = ['InternalIP', 'ExternalIP', 'CiliumInternalIP'];

/** What a CiliumNode says of its node; what in it is no address is left out. */
export function clusterNodeOf({ metadata, spec }: CiliumNode, localName: string): ClusterNode {
  const addresses = spec.addresses.flatMap(({ type, ip }) => {
    const parsed = parseIp(ip);
    return parsed === undefined || !ownTypes.includes(type)
      ? []
      : [{ type, family: parsed.family, text: formatIp(parsed) }];
  });
  const first = (family: 4 | 6) =>
    ownTypes.flatMap((type) => addresses.filter((one) => one.type === type && one.family === family))[0]?.text;
  const [ipv4, ipv6] = [first(4), first(6)];
  return {
    name: metadata.name,
    isLocal: metadata.name === localName,
    addresses: [...new Set(addresses.map(({ text }) => text))],
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    podCidrs: spec.ipam.podCIDRs.flatMap((cidr) => parsePrefix(cidr)?.text ?? []),
  };
}

/** Where a tunnel to a node ends: IPv4 where it has it, whatever the Pods inside speak. */
export const tunnelEndpointOf = ({ ipv4, ipv6 }: Pick<ClusterNode, 'ipv4' | 'ipv6'>): string | undefined =>
  ipv4 ?? ipv6;

/**
 * What ipcache says of a node's Pod CIDRs: an address in them that no endpoint is known for yet is `unmanaged`, of the cluster and
 * nobody's in particular.
 */
export function podCidrEntries(node: ClusterNode, routing: Routing): PrefixEntry[] {
  const way = node.isLocal ? ({ way: 'local' } as const) : wayTo(tunnelEndpointOf(node), routing);
  return node.podCidrs.map((prefix) => ({ prefix, identity: reserved.unmanaged, source: 'node', ...way }));
}

/** What ipcache says of another node's endpoint; nothing until it has an identity, and one that endpoints may have: none is a node. */
export function endpointEntries({ metadata, status }: CiliumEndpoint, routing: Routing): PrefixEntry[] {
  const { identity, networking } = status;
  if (identity === undefined || networking === undefined || status.state === 'disconnected') return [];
  if (!ofEndpoints.has(identity.id) && !['cluster', 'remote-cluster'].includes(scopeOf(identity.id))) return [];
  const addresses = networking.addressing.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]);
  return addresses.flatMap((text) => {
    const ip = text === undefined ? undefined : parseIp(text);
    if (ip === undefined) return [];
    return [
      {
        prefix: hostPrefix(formatIp(ip)),
        identity: identity.id,
        source: 'endpoint' as const,
        ...wayTo(networking.node, routing),
        pod: { namespace: metadata.namespace ?? '', name: metadata.name },
      },
    ];
  });
}

const ofEndpoints: ReadonlySet<number> = new Set([
  reserved.unmanaged,
  reserved.health,
  reserved.init,
  reserved.ingress,
]);

/** `10.0.0.1/32` */
export const hostPrefix = (address: string): string => `${address}/${address.includes(':') ? 128 : 32}`;

function wayTo(tunnelEndpoint: string | undefined, routing: Routing): Pick<PrefixEntry, 'way' | 'tunnelEndpoint'> {
  if (routing === 'direct') return { way: 'routed' };
  return tunnelEndpoint === undefined ? {} : { way: 'tunnel', tunnelEndpoint };
}
