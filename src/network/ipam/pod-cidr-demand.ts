import type { PodCidrStatus } from '../../api/index.ts';
import type { IpFamily } from '../../lib/ip-address.ts';
import type { CidrState } from './address-book.ts';

/** Numbers of free addresses of a family, as in CiliumNode's `spec.ipam`. */
export interface Thresholds {
  /** `pod-cidr-allocation-threshold`: with fewer, another CIDR is wanted. */
  readonly allocation: number;
  /** `pod-cidr-release-threshold`: with more, CIDRs without a single user are given back. */
  readonly release: number;
}

/** As Cilium documents them. */
export const defaultThresholds: Thresholds = { allocation: 8, release: 16 };

/**
 * What a node says of its Pod CIDRs. One is depleted when it is full; all are when so little is left that the operator should
 * add one before Pods have to wait for it.
 */
export function podCidrStatuses(cidrs: readonly CidrState[], thresholds: Thresholds): Map<string, PodCidrStatus> {
  const statuses = new Map<string, PodCidrStatus>();
  for (const family of [4, 6] as const) {
    const low = freeOf(cidrs, family) < BigInt(thresholds.allocation);
    for (const state of cidrs) {
      if (state.cidr.family !== family) continue;
      statuses.set(state.cidr.text, statusOf(state, low));
    }
  }
  return statuses;
}

/** The CIDRs that the node can do without. */
export function releasable(cidrs: readonly CidrState[], thresholds: Thresholds): CidrState[] {
  const result: CidrState[] = [];
  for (const family of [4, 6] as const) {
    // The newest first: it was added in need, and the first is where addresses are looked for first.
    const open = cidrs.filter((state) => state.cidr.family === family && state.closed === undefined);
    let free = freeOf(cidrs, family);
    let left = open.length;
    for (const state of open.reverse()) {
      if (state.held > 0 || left === 1) continue;
      // What is left must be enough by itself: else it would be asked for again at once.
      const rest = free - state.total;
      if (rest < BigInt(Math.max(thresholds.release, thresholds.allocation))) continue;
      result.push(state);
      free = rest;
      left--;
    }
  }
  return result;
}

function freeOf(cidrs: readonly CidrState[], family: IpFamily): bigint {
  return cidrs.reduce(
    (sum, { cidr, closed, total, used }) => (cidr.family === family && closed === undefined ? sum + total - used : sum),
    0n,
  );
}

function statusOf({ closed, used, total, held }: CidrState, low: boolean): PodCidrStatus {
  // Taken away from us, and somebody has addresses of it: nobody else may get it yet.
  if (closed === 'retired') return 'in-use';
  // An endpoint of before turned up in it.
  if (closed === 'released') return held === 0 ? 'released' : 'in-use';
  return low || used >= total ? 'depleted' : 'in-use';
}
