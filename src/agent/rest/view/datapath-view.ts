import type { FlowHub } from '../../../flows/index.ts';
import type { EndpointChangesView } from './endpoint-changes.ts';
import type { EndpointView } from './endpoint-view.ts';
import type { HealthView, NodeView } from './node-view.ts';
import type { LocalPolicyView, PolicyRulesView, SelectorView, TraceQuery, TraceStep } from './policy-view.ts';
import type { FixedConfig, IdentityView, IpamView, IpcacheView, MapView, RuntimeConfig } from './state-view.ts';

/**
 * What the REST API needs of a node with a datapath. All of it is read when asked for, and may be iterated once; nothing here
 * is kept by the API, and nothing that it returns is changed by it.
 */
export interface DatapathView {
  /** Of Sluice. */
  readonly version: string;
  /** Name of the cluster and of this node. */
  readonly cluster: string;
  readonly node: string;
  /** By id. */
  endpoints(): Iterable<EndpointView>;
  endpoint(id: number): EndpointView | undefined;
  readonly endpointChanges: EndpointChangesView;
  /** Reserved, of the cluster, and of CIDRs. */
  identities(): Iterable<IdentityView>;
  identity(id: number): IdentityView | undefined;
  ipcache(): Iterable<IpcacheView>;
  policy(): PolicyRulesView;
  readonly localPolicies: LocalPolicyView;
  selectors(): Iterable<SelectorView>;
  /** For each port both sides, the sender's first. */
  trace(query: TraceQuery): readonly TraceStep[];
  /** This node included. */
  nodes(): Iterable<NodeView>;
  health(): HealthView;
  config(): { readonly runtime: RuntimeConfig; readonly fixed: FixedConfig };
  /** In force for every packet after it resolves. @throws Fault */
  configure(change: Partial<RuntimeConfig>): Promise<void>;
  readonly ipam: IpamView;
  maps(): Iterable<MapView>;
  /** What the ring buffer's reader feeds. */
  readonly flows: FlowHub;
  /** The agent's metrics in the Prometheus text format. */
  metrics(): Promise<string>;
}
