import { contains, parseCidr, parseRange } from '../../../lib/ip-address.ts';
import { jsonList } from '../json-list.ts';
import type { IPListEntry } from '../models/state.ts';
import { BadRequest, type Route } from '../router.ts';
import type { DatapathView } from '../view/datapath-view.ts';

export function ipRoutes(view: DatapathView): Route[] {
  return [
    {
      method: 'GET',
      path: '/ip',
      handle({ query }) {
        const text = query.get('cidr');
        const within = text === null ? undefined : rangeOf(text);
        const found = [...view.ipcache()].filter(({ prefix }) => {
          if (within === undefined) return true;
          const range = parseCidr(prefix);
          return (
            range !== undefined &&
            contains(within, { family: range.family, value: range.first }) &&
            contains(within, { family: range.family, value: range.last })
          );
        });
        if (text !== null && found.length === 0) return { status: 404 };
        return {
          stream: jsonList(
            found,
            ({ prefix, identity, hostIp, source, pod }): IPListEntry => ({
              cidr: prefix,
              identity,
              ...(hostIp === undefined ? {} : { hostIP: hostIp }),
              metadata: { source, ...(pod === undefined ? {} : { namespace: pod.namespace, name: pod.name }) },
            }),
          ),
        };
      },
    },
  ];
}

function rangeOf(text: string) {
  const range = parseRange(text);
  if (range === undefined) throw new BadRequest(`${JSON.stringify(text)} is no CIDR; one is 10.0.0.0/8 or fd00::/64`);
  return range;
}
