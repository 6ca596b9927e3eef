import type { KubeClient } from '../kube/index.ts';
import type { Log } from '../lib/log.ts';
import { ClusterPools, type ClusterPoolsOptions } from '../network/ipam/index.ts';
import { CiliumNodeGc } from './cilium-nodes.ts';
import { IdentityGc } from './identity-gc.ts';
import { PodCidrs } from './pod-cidrs.ts';

/** What a cluster's datapath needs of the operator. */
export interface OperatorDatapathOptions {
  /** Out of which nodes get their Pod CIDRs; absent where Kubernetes gives them out. */
  readonly pools?: ClusterPoolsOptions;
  /** Mode cluster-pool-v2beta: more CIDRs for nodes that run low, and back what they don't need. */
  readonly byDemand: boolean;
  /** ms between looks for identities that no endpoint has; 0: none. */
  readonly identityGcInterval: number;
  /** ms for which one of these stays. */
  readonly identityGrace: number;
  /** ms between looks for CiliumNodes without a Node; 0: none. */
  readonly nodeGcInterval: number;
}

/** Of the leader's work, what is for the datapath: Pod CIDRs given out, and objects collected that nobody needs any more. */
export class DatapathWork {
  readonly podCidrs: PodCidrs | undefined;
  readonly identities: IdentityGc | undefined;
  readonly nodes: CiliumNodeGc | undefined;

  /** @throws Fault IPAM_POOLS */
  constructor(client: KubeClient, options: OperatorDatapathOptions, log: Log) {
    const { pools, byDemand, identityGcInterval, identityGrace, nodeGcInterval } = options;
    if (pools !== undefined)
      this.podCidrs = new PodCidrs({ client, pools: () => new ClusterPools(pools), byDemand, log });
    if (identityGcInterval > 0)
      this.identities = new IdentityGc({ client, interval: identityGcInterval, grace: identityGrace, log });
    if (nodeGcInterval > 0) this.nodes = new CiliumNodeGc({ client, interval: nodeGcInterval, log });
  }

  start(): void {
    for (const part of this.#parts) part.start();
  }
  stop(): void {
    for (const part of this.#parts) part.stop();
  }
  async idle(): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.idle()));
  }

  get #parts() {
    return [this.podCidrs, this.identities, this.nodes].filter((part) => part !== undefined);
  }
}
