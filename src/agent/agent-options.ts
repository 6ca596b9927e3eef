import type { DatapathOptions } from './datapath/options.ts';
import type { NodeOptions } from './node-options.ts';

/** Everything that the agent of one node of a cluster can be told. */
export interface AgentOptions
  extends Pick<
    NodeOptions,
    'version' | 'stateDir' | 'mesh' | 'envoy' | 'metricsAddress' | 'accessLog' | 'tracing' | 'xds' | 'log'
  > {
  /** The Node that this is. */
  readonly node: string;
  /** Of the installation. */
  readonly namespace: string;
  readonly kube: { readonly kubeconfig?: string; readonly context?: string };
  readonly features: Features;
  /** The network of this node's pods; absent: another plugin's. */
  readonly datapath?: DatapathOptions;
  /** `external`: `sluice envoy` runs it, in a container of its own; `child`: we do, and it ends with us. */
  readonly envoyProcess: 'external' | 'child';
}

/** Which kinds of objects are served. */
export interface Features {
  readonly ingress: boolean;
  readonly gatewayApi: boolean;
  readonly envoyConfig: boolean;
}
