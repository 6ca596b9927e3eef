import type { Assignment, PoolUse } from './allocator.ts';

/** As in metav1.Condition; generation and time of transition are the writer's. */
export interface LbCondition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/**
 * Conditions of a CiliumLoadBalancerIPPool, as Cilium has them: numbers are messages of conditions that are neither true nor
 * false, which its printer columns show.
 */
export function poolConditions({ total, used, conflict }: PoolUse): LbCondition[] {
  const count = (type: string, value: bigint): LbCondition => ({
    type: `cilium.io/${type}`,
    status: 'Unknown',
    reason: 'noreason',
    message: String(value),
  });
  return [
    {
      type: 'cilium.io/PoolConflict',
      status: conflict === undefined ? 'False' : 'True',
      reason: conflict === undefined ? 'resolved' : 'cidr_overlap',
      message: conflict ?? '',
    },
    count('IPsTotal', total),
    count('IPsAvailable', used > total ? 0n : total - used),
    count('IPsUsed', used),
  ];
}

/** The condition of a Service that LB-IPAM is to serve. */
export function serviceCondition({ reason, message }: Assignment): LbCondition {
  const status = reason === 'satisfied' ? 'True' : 'False';
  return { type: 'cilium.io/IPAMRequestSatisfied', status, reason, message };
}
