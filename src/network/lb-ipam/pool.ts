import {
  type CiliumBGPLoadBalancerIPPool,
  type CiliumLoadBalancerIPPool,
  type LabelSelector,
  matchesSelector,
} from '../../api/index.ts';
import { compareText } from '../../lib/compare.ts';
import { contains, type IpAddress, type IpRange, parseCidr, parseIp } from '../../lib/ip-address.ts';

export type PoolObject = CiliumLoadBalancerIPPool | CiliumBGPLoadBalancerIPPool;

/** A block of addresses, and how it was written. */
export interface PoolRange extends IpRange {
  readonly text: string;
}

/** A pool, whatever kind of object it came from. */
export interface Pool {
  /** `CiliumLoadBalancerIPPool/NAME`. */
  readonly id: string;
  readonly name: string;
  /** ms since the epoch. */
  readonly created: number;
  readonly ranges: readonly PoolRange[];
  /** Absent: every Service. */
  readonly selector?: LabelSelector;
  readonly disabled: boolean;
  /** For Services that the other pools have nothing for. */
  readonly fallback: boolean;
}

export const poolId = (object: { readonly kind: string; readonly metadata: { readonly name: string } }): string =>
  `${object.kind}/${object.metadata.name}`;

export function poolOf(object: PoolObject): Pool {
  const { name, creationTimestamp: created } = object.metadata;
  const common = { id: poolId(object), name, created };
  if (object.kind === 'CiliumLoadBalancerIPPool') {
    const { blocks, serviceSelector, disabled, allowFirstLastIPs } = object.spec;
    const ranges = blocks.flatMap((block) =>
      'cidr' in block ? network(block.cidr, allowFirstLastIPs) : range(block.start, block.stop),
    );
    return {
      ...common,
      ranges,
      disabled,
      fallback: false,
      ...(serviceSelector === undefined ? {} : { selector: serviceSelector }),
    };
  }
  const { prefix, default: fallback, lbSelector } = object.spec;
  // The default pool is for everybody. One with neither selects nothing.
  const selector = fallback ? undefined : (lbSelector ?? nothing);
  return {
    ...common,
    ranges: network(prefix, true),
    disabled: false,
    fallback,
    ...(selector === undefined ? {} : { selector }),
  };
}

const nothing: LabelSelector = {
  matchLabels: {},
  matchExpressions: [{ key: 'io.kubernetes.service.name', operator: 'DoesNotExist', values: [] }],
};

/** The oldest first, and those that are for everybody else last. */
export function comparePools(a: Pool, b: Pool): number {
  return Number(a.fallback) - Number(b.fallback) || compareAge(a, b);
}

export function compareAge(a: Pool, b: Pool): number {
  return a.created - b.created || compareText(a.id, b.id);
}

/** Whether a pool is for Services with these labels. */
export function selects(pool: Pool, labels: Readonly<Record<string, string>>): boolean {
  return pool.selector === undefined || matchesSelector(pool.selector, labels);
}

export function holds(pool: Pool, address: IpAddress): boolean {
  return pool.ranges.some((each) => contains(each, address));
}

export function sizeOf(pool: Pool): bigint {
  return pool.ranges.reduce((sum, { first, last }) => sum + (last - first + 1n), 0n);
}

/** Networks of one or two addresses (RFC 3021, RFC 6164) have neither a network address nor a broadcast address. */
function network(cidr: string, withEnds: boolean): PoolRange[] {
  const all = parseCidr(cidr);
  if (all === undefined) return [];
  if (withEnds || all.last - all.first < 2n) return [{ ...all, text: cidr }];
  return [{ ...all, first: all.first + 1n, last: all.last - 1n, text: cidr }];
}

function range(start: string, stop: string): PoolRange[] {
  const first = parseIp(start);
  const last = parseIp(stop);
  if (first === undefined || last === undefined) return [];
  const text = start === stop ? start : `${start} - ${stop}`;
  return [{ family: first.family, first: first.value, last: last.value, text }];
}
