import { type Command, InvalidArgumentError } from 'commander';
import {
  type ClusterPoolOptions,
  type ClusterPoolsOptions,
  defaultMaskSizes,
  type IpamMode,
} from '../../network/ipam/index.ts';

/** Networks that nodes' Pod CIDRs come out of: flags of the operator, and of a node that has none. */
export interface PoolFlags {
  ipam: IpamMode;
  ipv4: boolean;
  ipv6: boolean;
  clusterPoolIpv4Cidr: string[];
  clusterPoolIpv4MaskSize: number;
  clusterPoolIpv6Cidr: string[];
  clusterPoolIpv6MaskSize: number;
}

/** Their names are those of Cilium's operator. */
export function poolOptions(command: Command): Command {
  return command
    .option('--cluster-pool-ipv4-cidr <cidrs>', 'Pod CIDRs come out of these, separated by commas', list, [
      '10.0.0.0/8',
    ])
    .option('--cluster-pool-ipv4-mask-size <bits>', "of a node's Pod CIDR", bits, defaultMaskSizes.ipv4)
    .option('--cluster-pool-ipv6-cidr <cidrs>', 'the same for IPv6', list, ['fd00::/104'])
    .option('--cluster-pool-ipv6-mask-size <bits>', 'the same for IPv6', bits, defaultMaskSizes.ipv6);
}

/** Undefined where Kubernetes gives Pod CIDRs out. */
export function toPools(flags: PoolFlags): ClusterPoolsOptions | undefined {
  if (flags.ipam === 'kubernetes') return undefined;
  const pool = (isOn: boolean, cidrs: readonly string[], maskSize: number): ClusterPoolOptions | undefined =>
    isOn && cidrs.length > 0 ? { cidrs, maskSize } : undefined;
  const ipv4 = pool(flags.ipv4, flags.clusterPoolIpv4Cidr, flags.clusterPoolIpv4MaskSize);
  const ipv6 = pool(flags.ipv6, flags.clusterPoolIpv6Cidr, flags.clusterPoolIpv6MaskSize);
  return { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) };
}

const list = (value: string): string[] => value.split(',').filter((each) => each !== '');

function bits(value: string): number {
  const number = Number(value);
  if (!/^\d{1,3}$/.test(value) || number > 128)
    throw new InvalidArgumentError('a prefix length is needed, such as 24.');
  return number;
}
