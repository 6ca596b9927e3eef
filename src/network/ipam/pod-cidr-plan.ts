import type { PodCidrStatus } from '../../api/index.ts';
import type { IpFamily } from '../../lib/ip-address.ts';
import type { ClusterPools } from './cluster-pools.ts';
import { podCidrOf } from './pod-cidr.ts';

/** A node's Pod CIDRs, in canonical form as far as they are CIDRs. */
export interface NodePodCidrs {
  readonly name: string;
  /** `spec.ipam.podCIDRs` of its CiliumNode. */
  readonly listed: readonly string[];
  /** `status.ipam.pod-cidrs`, which the node itself says. */
  readonly statuses: ReadonlyMap<string, PodCidrStatus>;
}

/** What nobody else may have: what it was given, and what was taken away while Pods of it have addresses of it. */
export function heldBy({ listed, statuses }: NodePodCidrs): Set<string> {
  const inUse = [...statuses].filter(([, status]) => status !== 'released').map(([text]) => text);
  return new Set([...listed, ...inUse]);
}

export interface PodCidrPlan {
  readonly podCidrs: readonly string[];
  /** Empty: nothing is wrong. */
  readonly error: string;
}

/** The families of which a node should be given a CIDR. */
export function lackingFamilies(
  { listed, statuses }: NodePodCidrs,
  families: readonly IpFamily[],
  byDemand: boolean,
): IpFamily[] {
  return families.filter((family) => {
    const own = listed.filter((text) => podCidrOf(text)?.family === family);
    const live = byDemand ? own.filter((text) => statuses.get(text) !== 'released') : own;
    return live.length === 0 || (byDemand && live.every((text) => statuses.get(text) === 'depleted'));
  });
}

/**
 * What a node should have: one CIDR of each family, and by demand another one when all are depleted; what it has given back
 * goes. Takes from the pools what it adds.
 * @param pending given to the node before, and not seen in its object yet
 */
export function planPodCidrs(
  node: NodePodCidrs,
  pools: ClusterPools,
  byDemand: boolean,
  pending: ReadonlySet<string>,
): PodCidrPlan {
  const { name, listed, statuses } = node;
  const isReleased = (text: string) => byDemand && statuses.get(text) === 'released';
  const kept = listed.filter((text) => !isReleased(text));
  const added = [...pending].filter((text) => !kept.includes(text));
  const errors: string[] = [];
  // What the agent has not struck from its report yet it would take for something that it has given back.
  const avoid = new Set([...statuses].filter(([, status]) => status === 'released').map(([text]) => text));
  for (const family of lackingFamilies(node, pools.families, byDemand)) {
    if (added.some((text) => podCidrOf(text)?.family === family)) continue;
    const cidr = pools.allocate(name, family, avoid);
    if (cidr !== undefined) added.push(cidr);
    else errors.push(`the pools have no IPv${family} Pod CIDR left`);
  }
  for (const text of kept) {
    if (podCidrOf(text) === undefined)
      errors.push(`spec.ipam.podCIDRs: ${JSON.stringify(text.slice(0, 60))} is no network`);
    const other = pools.conflict(name, text);
    if (other === undefined) continue;
    const what = other.cidr === text ? text : `${text} overlaps with ${other.cidr}, which`;
    errors.push(`spec.ipam.podCIDRs: ${what} belongs to node ${other.node}`);
  }
  return { podCidrs: [...kept, ...added], error: errors.join('; ') };
}
