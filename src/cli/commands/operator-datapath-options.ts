import { type Command, InvalidArgumentError, Option } from 'commander';
import { type ClusterPoolOptions, defaultMaskSizes, type IpamMode, ipamModes } from '../../network/ipam/index.ts';
import type { OperatorDatapathOptions } from '../../operator/datapath-work.ts';
import { duration } from '../arguments.ts';

/** What flags say of the operator's part in the datapath. `datapath`, `ipam`, `ipv4` and `ipv6` are the agents' flags too. */
export interface OperatorDatapathFlags {
  datapath: 'none' | 'ebpf';
  ipam: IpamMode;
  ipv4: boolean;
  ipv6: boolean;
  clusterPoolIpv4Cidr: string[];
  clusterPoolIpv4MaskSize: number;
  clusterPoolIpv6Cidr: string[];
  clusterPoolIpv6MaskSize: number;
  identityGcInterval: number;
  identityHeartbeatTimeout: number;
  nodesGcInterval: number;
}

/** Adds the options. Their names are those of Cilium's operator, where it has them. */
export function operatorDatapathOptions(command: Command): Command {
  return command
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
    .option('--no-ipv6', 'no IPv6 Pod CIDRs')
    .option('--cluster-pool-ipv4-cidr <cidrs>', 'Pod CIDRs come out of these, separated by commas', list, [
      '10.0.0.0/8',
    ])
    .option('--cluster-pool-ipv4-mask-size <bits>', "of a node's Pod CIDR", bits, defaultMaskSizes.ipv4)
    .option('--cluster-pool-ipv6-cidr <cidrs>', 'the same for IPv6', list, ['fd00::/104'])
    .option('--cluster-pool-ipv6-mask-size <bits>', 'the same for IPv6', bits, defaultMaskSizes.ipv6)
    .addOption(interval('--identity-gc-interval', 'between looks for identities that no endpoint has; 0s: none', '15m'))
    .addOption(interval('--identity-heartbeat-timeout', 'one that nobody has stays for so long', '30m'))
    .addOption(interval('--nodes-gc-interval', 'between looks for CiliumNodes without a Node; 0s: none', '5m'));
}

/** Undefined without a datapath. */
export function toOperatorDatapath(flags: OperatorDatapathFlags): OperatorDatapathOptions | undefined {
  if (flags.datapath === 'none') return undefined;
  const pool = (isOn: boolean, cidrs: readonly string[], maskSize: number): ClusterPoolOptions | undefined =>
    isOn && cidrs.length > 0 ? { cidrs, maskSize } : undefined;
  const ipv4 = pool(flags.ipv4, flags.clusterPoolIpv4Cidr, flags.clusterPoolIpv4MaskSize);
  const ipv6 = pool(flags.ipv6, flags.clusterPoolIpv6Cidr, flags.clusterPoolIpv6MaskSize);
  return {
    ...(flags.ipam === 'kubernetes'
      ? {}
      : { pools: { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) } }),
    byDemand: flags.ipam === 'cluster-pool-v2beta',
    identityGcInterval: flags.identityGcInterval,
    identityGrace: flags.identityHeartbeatTimeout,
    nodeGcInterval: flags.nodesGcInterval,
  };
}

function interval(flag: string, description: string, value: string): Option {
  return new Option(`${flag} <duration>`, description).argParser(duration).default(duration(value), value);
}

const list = (value: string): string[] => value.split(',').filter((each) => each !== '');

function bits(value: string): number {
  const number = Number(value);
  if (!/^\d{1,3}$/.test(value) || number > 128)
    throw new InvalidArgumentError('a prefix length is needed, such as 24.');
  return number;
}
