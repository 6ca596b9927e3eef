import type { Features } from '../agent/agent-options.ts';
import type { LogOptions } from '../lib/log.ts';
import type { MeshOptions } from '../mesh/model/index.ts';
import type { OperatorDatapathOptions } from './datapath-work.ts';

export interface OperatorOptions {
  readonly version: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  /** Of the Lease, and of the reports of agents. */
  readonly namespace: string;
  /** Unique among the operators that run at the same time. */
  readonly identity: string;
  /** ms */
  readonly leaseDuration: number;
  /** Groups of kinds: the others need no permission, and get no status. */
  readonly features: Features;
  readonly mesh: MeshOptions;
  /** Make the IngressClass and the GatewayClass by which objects are ours. */
  readonly createClasses: boolean;
  readonly publishEnvoyConfigs: boolean;
  /** Absent: the agents have no datapath. */
  readonly datapath?: OperatorDatapathOptions;
  readonly metricsAddress?: { readonly address: string; readonly port: number };
  readonly log: LogOptions;
}
