import type { NodeAddressing, NodeAddressingElement, NodeElement } from '../models/node.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import type { NodeView } from '../view/node-view.ts';

/** A node's own addresses and Pod CIDRs; of several CIDRs the first, as there is room for one. */
export function nodeAddressing(node: NodeView): NodeAddressing {
  const typeOf = (ip: string) => node.addresses.find((address) => address.ip === ip)?.type;
  const family = (ip: string | undefined, range: string | undefined): NodeAddressingElement | undefined => {
    if (ip === undefined && range === undefined) return undefined;
    const type = ip === undefined ? undefined : typeOf(ip);
    return {
      enabled: true,
      ip: ip ?? '',
      ...(range === undefined ? {} : { 'alloc-range': range }),
      ...(type === undefined ? {} : { 'address-type': type }),
    };
  };
  const ipv4 = family(node.ipv4, node.ipv4Ranges[0]);
  const ipv6 = family(node.ipv6, node.ipv6Ranges[0]);
  return { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) };
}

/** Of this node; nothing before its object is there. */
export function hostAddressing(view: Pick<DatapathView, 'node' | 'nodes'>): NodeAddressing {
  const self = [...view.nodes()].find(({ name }) => name === view.node);
  return self === undefined ? {} : nodeAddressing(self);
}

export function nodeElement(node: NodeView, cluster: string): NodeElement {
  return {
    name: `${cluster}/${node.name}`,
    'primary-address': nodeAddressing(node),
    'secondary-addresses': node.addresses
      .filter(({ ip }) => ip !== node.ipv4 && ip !== node.ipv6)
      .map(({ ip, type }) => ({ enabled: true, ip, 'address-type': type })),
  };
}
