import { parseIp } from '../../lib/ip-address.ts';
import type { AddressBlock } from '../load-balancer.ts';
import {
  boolean,
  CIDR,
  type Context,
  check,
  defaulted,
  IP_ADDRESS,
  list,
  map,
  NOTHING,
  object,
  oneOf,
  optional,
  required,
  type Schema,
  skipped,
  string,
} from '../schema/index.ts';
import { labelSelector } from './selector.ts';

const cidr = string({ format: CIDR });
const address = string({ format: IP_ADDRESS });

const block: Schema<AddressBlock> = map(
  object({ cidr: optional(cidr), start: optional(address), stop: optional(address) }),
  ({ cidr, start, stop }, context) => {
    if (cidr !== undefined) {
      if (start === undefined && stop === undefined) return { cidr };
      context.error('InvalidValue', 'has cidr, and start or stop too', 'write cidr alone, or start and stop');
      return NOTHING;
    }
    if (start === undefined) {
      context.error('MissingField', 'is missing', 'write cidr, or start and stop', [
        stop === undefined ? 'cidr' : 'start',
      ]);
      return NOTHING;
    }
    return range(start, stop ?? start, context);
  },
);

function range(start: string, stop: string, context: Context): AddressBlock {
  const first = parseIp(start);
  const last = parseIp(stop);
  if (first === undefined || last === undefined || first.family !== last.family)
    context.error('InvalidValue', `is ${JSON.stringify(stop)}`, 'start and stop must be of one address family', [
      'stop',
    ]);
  else if (last.value < first.value)
    context.error('InvalidValue', `is ${JSON.stringify(stop)}`, `it must not come before start, ${start}`, ['stop']);
  return { start, stop };
}

const networks = list(map(object({ cidr: required(cidr) }), ({ cidr }): AddressBlock => ({ cidr })));

const poolSpec = map(
  object({
    blocks: defaulted(list(block), []),
    cidrs: defaulted(networks, []),
    serviceSelector: optional(labelSelector),
    disabled: defaulted(boolean, false),
    allowFirstLastIPs: defaulted(oneOf('Yes', 'No'), 'Yes'),
  }),
  ({ blocks, cidrs, allowFirstLastIPs, ...rest }, context) => {
    if (blocks.length + cidrs.length === 0)
      context.warning('InvalidValue', 'has no blocks, so the pool gives out nothing', 'add a block with a cidr', [
        'blocks',
      ]);
    return { ...rest, blocks: [...blocks, ...cidrs], allowFirstLastIPs: allowFirstLastIPs === 'Yes' };
  },
);

export const loadBalancerIpPoolBody = object({ spec: required(poolSpec), status: skipped });

export const bgpLoadBalancerIpPoolBody = object({
  spec: required(
    check(
      object({
        prefix: required(cidr),
        default: defaulted(boolean, false),
        lbSelector: optional(labelSelector),
        nodeSelector: optional(labelSelector),
      }),
      ({ default: isDefault, lbSelector }, context) => {
        if (!isDefault && lbSelector === undefined)
          context.warning(
            'InvalidValue',
            'has neither default nor lbSelector, so no Service gets an address from it',
            'set default: true, or an lbSelector',
          );
      },
    ),
  ),
  status: skipped,
});
