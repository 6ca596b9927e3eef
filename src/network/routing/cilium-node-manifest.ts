import type { Manifest } from '../endpoint/index.ts';

/** What a node tells others of itself. */
export interface LocalNode {
  readonly name: string;
  readonly addresses: readonly { readonly type: string; readonly ip: string }[];
  /** Those that the node was given elsewhere (mode `kubernetes`); in other modes the operator writes them. */
  readonly podCidrs?: readonly string[];
}

/** The CiliumNode of this node; only the fields that an agent writes. */
export function ciliumNodeManifest({ name, addresses, podCidrs }: LocalNode): Manifest {
  return {
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumNode',
    metadata: { name },
    spec: { addresses, ...(podCidrs === undefined ? {} : { ipam: { podCIDRs: podCidrs } }) },
  };
}
