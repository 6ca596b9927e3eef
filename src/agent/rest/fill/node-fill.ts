import type { NodeView } from '../view/node-view.ts';
import type { NodeSources } from './node-sources.ts';

/** Nodes, their addresses with the types that their CiliumNodes have. */
export function* nodeViews({ nodes, tables }: NodeSources): Generator<NodeView> {
  for (const { name, ipv4, ipv6, addresses, podCidrs } of nodes()) {
    const typed = tables.CiliumNode.get(name)?.spec.addresses ?? [];
    yield {
      name,
      ...(ipv4 === undefined ? {} : { ipv4 }),
      ...(ipv6 === undefined ? {} : { ipv6 }),
      ipv4Ranges: podCidrs.filter((cidr) => !cidr.includes(':')),
      ipv6Ranges: podCidrs.filter((cidr) => cidr.includes(':')),
      addresses: addresses.map((ip) => ({ ip, type: typed.find((one) => one.ip === ip)?.type ?? 'InternalIP' })),
    };
  }
}
