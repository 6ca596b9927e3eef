import type { PodCidrUse } from '../../../network/ipam/index.ts';
import type { IpamView } from '../view/state-view.ts';
import type { NodeSources } from './node-sources.ts';

export function ipamView({ ipam, loans }: Pick<NodeSources, 'ipam' | 'loans'>): IpamView {
  const cidrs = (family: 4 | 6): PodCidrUse[] =>
    ipam.dump().podCidrs.filter((cidr) => cidr.family === family && cidr.status !== 'released');
  const total = (family: 4 | 6) => cidrs(family).reduce((sum, cidr) => sum + cidr.total, 0n);
  return {
    get mode() {
      return ipam.dump().mode;
    },
    get families() {
      return ipam.dump().families.map((family) => (family === 4 ? 'ipv4' : 'ipv6'));
    },
    get ipv4Ranges() {
      return cidrs(4).map(({ cidr }) => cidr);
    },
    get ipv6Ranges() {
      return cidrs(6).map(({ cidr }) => cidr);
    },
    get capacity() {
      return { ipv4: total(4), ipv6: total(6) };
    },
    *allocations() {
      for (const { address, description } of ipam.dump().allocations) yield [address, description];
    },
    allocate: (owner, families, expiring) =>
      loans.lend(
        owner,
        families.map((family) => (family === 'ipv4' ? 4 : 6)),
        expiring,
      ),
    claim: (address, owner) => loans.lendThis(address, owner),
    release: (addressOrOwner) => loans.takeBack(addressOrOwner),
  };
}
