import { explain, Fault } from '../../../lib/fault.ts';
import { contains, parseCidr, parseIp } from '../../../lib/ip-address.ts';
import { BadRequest, type Reply, type Route } from '../router.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import type { AllocatedView, IpamView } from '../view/state-view.ts';
import { hostAddressing } from '../words/addressing.ts';

export function ipamRoutes(view: DatapathView): Route[] {
  const { ipam } = view;

  return [
    {
      method: 'POST',
      path: '/ipam',
      async handle({ query, headers }) {
        const family = query.get('family') ?? undefined;
        if (family !== undefined && family !== 'ipv4' && family !== 'ipv6')
          throw new BadRequest(`family is ${family}; it can be ipv4 or ipv6, or be left out for both`);
        const owner = query.get('owner') || 'unnamed';
        // Also those whose ranges are not known yet: the allocation waits for them.
        const families: IpamView['families'] = family === undefined ? ipam.families : [family];
        let given: AllocatedView;
        try {
          given = await ipam.allocate(owner, families, headers.expiration === 'true');
        } catch (error) {
          if (error instanceof Fault) return { status: 502, body: explain(error) };
          throw error;
        }
        const { expirationId, ...address } = given;
        const of = (one: 'ipv4' | 'ipv6') => {
          const ip = given[one];
          if (ip === undefined) return {};
          return {
            [one]: {
              ip,
              cidrs: rangesOf(one),
              ...(expirationId === undefined ? {} : { 'expiration-uuid': expirationId }),
            },
          };
        };
        return {
          status: 201,
          body: {
            address,
            ...of('ipv4'),
            ...of('ipv6'),
            'host-addressing': hostAddressing(view),
          },
        };
      },
    },
    {
      method: 'POST',
      path: '/ipam/{ip}',
      handle({ parameters: { ip = '' }, query }): Reply {
        const address = parseIp(ip);
        if (address === undefined) return { status: 400 };
        const family = address.family === 4 ? 'ipv4' : 'ipv6';
        if (!ipam.families.includes(family)) return { status: 501 };
        const ranges = rangesOf(family);
        if (
          !ranges.some((text) => contains(parseCidr(text) ?? { family: address.family, first: 1n, last: 0n }, address))
        )
          return { status: 500, body: `${ip} is in none of this node's ranges: ${ranges.join(', ')}` };
        try {
          ipam.claim(ip, query.get('owner') || 'unnamed');
          return {};
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          return error.code === 'IPAM_IN_USE' ? { status: 409 } : { status: 500, body: explain(error) };
        }
      },
    },
    {
      method: 'DELETE',
      path: '/ipam/{ip}',
      handle({ parameters: { ip = '' } }): Reply {
        try {
          return ipam.release(ip) ? {} : { status: 404 };
        } catch (error) {
          if (error instanceof Fault) return { status: 500, body: explain(error) };
          throw error;
        }
      },
    },
  ];

  function rangesOf(family: 'ipv4' | 'ipv6'): readonly string[] {
    return family === 'ipv4' ? ipam.ipv4Ranges : ipam.ipv6Ranges;
  }
}
