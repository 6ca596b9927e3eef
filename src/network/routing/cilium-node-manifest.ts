import type { Manifest } from '../endpoint/index.ts';

/** What a node tells others of itself. */
export interface LocalNode {
  readonly name: string;
  /** Of its Node: by these policies select it, on nodes that see its CiliumNode alone. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly addresses: readonly { readonly type: string; readonly ip: string }[];
  /** Those that the node was given elsewhere (mode `kubernetes`); in other modes the operator writes them. */
  readonly podCidrs?: readonly string[];
}

/** The CiliumNode of this node; only the fields that an agent writes. */
export function ciliumNodeManifest({ name, labels, addresses, podCidrs }: LocalNode): Manifest {
  return {
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumNode',
    metadata: { name, ...(labels === undefined ? {} : { labels }) },
    spec: { addresses, ...(podCidrs === undefined ? {} : { ipam: { podCIDRs: podCidrs } }) },
  };
}
