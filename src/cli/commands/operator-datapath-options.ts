import { type Command, Option } from 'commander';
import { ipamModes } from '../../network/ipam/index.ts';
import type { OperatorDatapathOptions } from '../../operator/datapath-work.ts';
import { duration } from '../arguments.ts';
import { type PoolFlags, poolOptions, toPools } from './pool-options.ts';

/** What flags say of the operator's part in the datapath. `datapath`, `ipam`, `ipv4` and `ipv6` are the agents' flags too. */
export interface OperatorDatapathFlags extends PoolFlags {
  datapath: 'none' | 'ebpf';
  identityGcInterval: number;
  identityHeartbeatTimeout: number;
  nodesGcInterval: number;
}

/** Adds the options. Their names are those of Cilium's operator, where it has them. */
export function operatorDatapathOptions(command: Command): Command {
  command
    .optionsGroup('L3-L4 datapath:')
    .addOption(
      new Option('--datapath <kind>', "as the agents': ebpf gives out Pod CIDRs, and collects what nobody needs")
        .choices(['none', 'ebpf'])
        .default('none'),
    )
    .addOption(
      new Option('--ipam <mode>', 'kubernetes: Pod CIDRs are given out by its controller manager; else by this')
        .choices(ipamModes)
        .default('kubernetes'),
    )
    .option('--no-ipv4', 'no IPv4 Pod CIDRs')
    .option('--no-ipv6', 'no IPv6 Pod CIDRs');
  return poolOptions(command)
    .addOption(interval('--identity-gc-interval', 'between looks for identities that no endpoint has; 0s: none', '15m'))
    .addOption(interval('--identity-heartbeat-timeout', 'one that nobody has stays for so long', '30m'))
    .addOption(interval('--nodes-gc-interval', 'between looks for CiliumNodes without a Node; 0s: none', '5m'));
}

/** Undefined without a datapath. */
export function toOperatorDatapath(flags: OperatorDatapathFlags): OperatorDatapathOptions | undefined {
  if (flags.datapath === 'none') return undefined;
  const pools = toPools(flags);
  return {
    ...(pools === undefined ? {} : { pools }),
    byDemand: flags.ipam === 'cluster-pool-v2beta',
    identityGcInterval: flags.identityGcInterval,
    identityGrace: flags.identityHeartbeatTimeout,
    nodeGcInterval: flags.nodesGcInterval,
  };
}

function interval(flag: string, description: string, value: string): Option {
  return new Option(`${flag} <duration>`, description).argParser(duration).default(duration(value), value);
}
