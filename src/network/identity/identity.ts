import type { Labels } from './labels.ts';

/** Who sends or receives, as a number in packets and maps. Equal labels are one identity. */
export interface Identity {
  readonly id: number;
  readonly labels: Labels;
}

/** Where numbers come from. The bits 16 to 23 of a number from another cluster are that cluster's id. */
export type IdentityScope = 'reserved' | 'cluster' | 'remote-cluster' | 'node-local' | 'remote-node';

/** First and last number of identities made of labels in this cluster (CiliumIdentity objects). */
export const CLUSTER_IDENTITIES = { first: 256, last: 65_535 } as const;
/** First and last number of identities that one node alone knows: networks named in policies. */
export const LOCAL_IDENTITIES = { first: 2 ** 24, last: 2 ** 25 - 1 } as const;
/** First and last number of other nodes that policies tell apart by their labels; known to one node alone, too. */
export const NODE_IDENTITIES = { first: 2 ** 25, last: 2 ** 25 + 2 ** 24 - 1 } as const;

export function scopeOf(id: number): IdentityScope {
  if (id < CLUSTER_IDENTITIES.first) return 'reserved';
  if (id <= CLUSTER_IDENTITIES.last) return 'cluster';
  if (id < LOCAL_IDENTITIES.first) return 'remote-cluster';
  return id <= LOCAL_IDENTITIES.last ? 'node-local' : 'remote-node';
}
