import { randomUUID } from 'node:crypto';
import { Fault } from '../../../lib/fault.ts';
import { formatIp, parseIp } from '../../../lib/ip-address.ts';
import type { PodCidrUse } from '../../../network/ipam/index.ts';
import type { IpamView } from '../view/state-view.ts';
import type { NodeSources } from './node-sources.ts';

/** Owners that came through the API; the next start of the agent releases what they have. */
const prefix = 'api/';

export function ipamView({ ipam }: NodeSources): IpamView {
  const cidrs = (family: 4 | 6): PodCidrUse[] =>
    ipam.dump().podCidrs.filter((cidr) => cidr.family === family && cidr.status !== 'released');
  const total = (family: 4 | 6) => cidrs(family).reduce((sum, cidr) => sum + cidr.total, 0n);
  return {
    get mode() {
      return ipam.dump().mode;
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
    async allocate(owner, families) {
      const numbers = families.map((family) => (family === 'ipv4' ? 4 : 6));
      const { ipv4, ipv6 } = await ipam.allocate(`${prefix}${randomUUID()}`, numbers, { description: owner });
      return { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) };
    },
    async claim(address, owner) {
      ipam.claim(address, `${prefix}${randomUUID()}`, { description: owner });
    },
    async release(addressOrOwner) {
      const ip = parseIp(addressOrOwner);
      const text = ip === undefined ? undefined : formatIp(ip);
      const owners = new Set(
        ipam
          .dump()
          .allocations.filter(({ address, description }) =>
            text === undefined ? description === addressOrOwner : address === text,
          )
          .map(({ owner }) => owner),
      );
      const foreign = [...owners].find((owner) => !owner.startsWith(prefix));
      if (foreign !== undefined)
        throw new Fault('IPAM_IN_USE', `release ${addressOrOwner}: it is in use by ${foreign}`, {
          hint: 'addresses of pods go with their pods',
        });
      for (const owner of owners) ipam.release(owner);
      return owners.size > 0;
    },
  };
}
