import type { PodCidrStatus } from '../api/index.ts';
import type { RawObject } from '../kube/index.ts';
import type { IpFamily } from '../lib/ip-address.ts';
import { type ClusterPools, podCidrOf } from '../network/ipam/index.ts';
import { isRecord } from './json.ts';

/** What a CiliumNode says of Pod CIDRs: in canonical form as far as they are CIDRs. */
export interface NodePodCidrs {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** `spec.ipam.podCIDRs` */
  readonly listed: readonly string[];
  /** `status.ipam.pod-cidrs`, which the node's agent writes. */
  readonly statuses: ReadonlyMap<string, PodCidrStatus>;
  /** `status.ipam.operator-status.error`, which is ours. */
  readonly error: string;
}

export function nodePodCidrs({ metadata, spec, status }: RawObject): NodePodCidrs {
  const { podCIDRs } = ipamOf(spec);
  const reported = ipamOf(status);
  const statuses = new Map<string, PodCidrStatus>();
  if (isRecord(reported['pod-cidrs']))
    for (const [text, entry] of Object.entries(reported['pod-cidrs'])) {
      const value = isRecord(entry) ? entry.status : undefined;
      if (value === 'in-use' || value === 'depleted' || value === 'released') statuses.set(canonical(text), value);
    }
  const ours = reported['operator-status'];
  return {
    name: metadata?.name ?? '',
    uid: String(metadata?.uid ?? ''),
    resourceVersion: metadata?.resourceVersion ?? '',
    listed: (Array.isArray(podCIDRs) ? podCIDRs : []).filter((text) => typeof text === 'string').map(canonical),
    statuses,
    error: isRecord(ours) && typeof ours.error === 'string' ? ours.error : '',
  };
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

const canonical = (text: string): string => podCidrOf(text)?.text ?? text;

function ipamOf(part: unknown): Readonly<Record<string, unknown>> {
  return isRecord(part) && isRecord(part.ipam) ? part.ipam : {};
}
