import type { PodCidrStatus } from '../api/index.ts';
import type { RawObject } from '../kube/index.ts';
import { isObject } from '../lib/is-object.ts';
import { type NodePodCidrs, podCidrOf } from '../network/ipam/index.ts';

/** What a CiliumNode says of Pod CIDRs, as of one version of it. */
export interface CiliumNodePodCidrs extends NodePodCidrs {
  readonly uid: string;
  readonly resourceVersion: string;
  /** `status.ipam.operator-status.error`, which is ours. */
  readonly error: string;
}

export function nodePodCidrs({ metadata, spec, status }: RawObject): CiliumNodePodCidrs {
  const { podCIDRs } = ipamOf(spec);
  const reported = ipamOf(status);
  const statuses = new Map<string, PodCidrStatus>();
  if (isObject(reported['pod-cidrs']))
    for (const [text, entry] of Object.entries(reported['pod-cidrs'])) {
      const value = isObject(entry) ? entry.status : undefined;
      if (value === 'in-use' || value === 'depleted' || value === 'released') statuses.set(canonical(text), value);
    }
  const ours = reported['operator-status'];
  return {
    name: metadata?.name ?? '',
    uid: String(metadata?.uid ?? ''),
    resourceVersion: metadata?.resourceVersion ?? '',
    listed: (Array.isArray(podCIDRs) ? podCIDRs : []).filter((text) => typeof text === 'string').map(canonical),
    statuses,
    error: isObject(ours) && typeof ours.error === 'string' ? ours.error : '',
  };
}

const canonical = (text: string): string => podCidrOf(text)?.text ?? text;

function ipamOf(part: unknown): Readonly<Record<string, unknown>> {
  return isObject(part) && isObject(part.ipam) ? part.ipam : {};
}
