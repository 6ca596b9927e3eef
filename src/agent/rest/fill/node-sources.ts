import type { LocalPolicy } from '../../../api/index.ts';
import type { DatapathMaps, Refusal } from '../../../datapath/index.ts';
import type { Fault } from '../../../lib/fault.ts';
import type { Tables } from '../../../mesh/inputs.ts';
import type { Endpoint } from '../../../network/endpoint/index.ts';
import type { IpcacheEntry } from '../../../network/identity/index.ts';
import type { Ipam } from '../../../network/ipam/index.ts';
import type { PolicyEngine, SubjectPolicy } from '../../../network/policy/index.ts';
import type { ClusterNode } from '../../../network/routing/index.ts';
import type { AddressLoans } from '../../ipam/address-loans.ts';
import type { EndpointChangesView } from '../view/endpoint-changes.ts';
import type { EndpointLogEntry } from '../view/endpoint-view.ts';
import type { ControllerView, HealthView } from '../view/node-view.ts';
import type { LocalPolicyView, TraceQuery, TraceStep } from '../view/policy-view.ts';
import type { FixedConfig, RuntimeConfig } from '../view/state-view.ts';

/** An endpoint as its manager holds it. */
export interface NodeEndpoint {
  readonly endpoint: Endpoint;
  readonly subject: SubjectPolicy;
  readonly otherLabels: readonly string[];
  readonly log: readonly EndpointLogEntry[];
}

/** An entry of the node's ipcache. */
export interface NodePrefix extends IpcacheEntry {
  readonly pod?: { readonly namespace: string; readonly name: string };
}

/** A map that the agent writes, as a MapReconciler has it. */
export interface NodeMapState {
  readonly map: { readonly name: string };
  /** Entries that are wanted, and not in force. */
  readonly refused: number;
  readonly fault: Fault | undefined;
  refusals(): Iterable<Refusal<unknown, unknown>>;
}

/** What the parts of a node give to its API; each is asked when somebody asks the API. */
export interface NodeSources {
  readonly version: string;
  readonly cluster: string;
  readonly node: string;
  readonly tables: Pick<
    Tables,
    'CiliumNetworkPolicy' | 'CiliumClusterwideNetworkPolicy' | 'NetworkPolicy' | 'CiliumNode' | 'CiliumEndpoint'
  >;
  readonly engine: Pick<PolicyEngine, 'identity' | 'identities' | 'selectors' | 'rule'>;
  readonly localPolicies: LocalPolicyView & { list(): readonly LocalPolicy[] };
  readonly trace: (query: TraceQuery) => readonly TraceStep[];
  readonly endpoints: {
    values(): Iterable<NodeEndpoint>;
    byId(id: number): NodeEndpoint | undefined;
  };
  readonly endpointChanges: EndpointChangesView;
  readonly ipcache: { values(): Iterable<NodePrefix>; get(prefix: string): NodePrefix | undefined };
  readonly nodes: () => Iterable<ClusterNode>;
  readonly maps: DatapathMaps;
  /** Of maps that the agent writes: what could not be written. By the map's name. */
  readonly reconcilers: () => Iterable<NodeMapState>;
  /** Number of the policy map that an endpoint has, by its host interface. */
  readonly policyMap: (hostIfindex: number) => number | undefined;
  readonly policyRevision: () => number;
  readonly ipam: Pick<Ipam, 'dump'>;
  readonly loans: Pick<AddressLoans, 'lend' | 'lendThis' | 'takeBack'>;
  /** Undefined where there is none with that index. */
  readonly interfaceName: (index: number) => string | undefined;
  readonly routing: 'direct' | 'vxlan';
  readonly health: () => NodeHealth;
  readonly config: () => { readonly runtime: RuntimeConfig; readonly fixed: FixedConfig };
  readonly configure: (change: Partial<RuntimeConfig>) => Promise<void>;
  readonly metrics: () => Promise<string>;
}

export interface NodeHealth
  extends Pick<HealthView, 'kubernetes' | 'hostFirewall' | 'devices' | 'hostRouting' | 'chaining'> {
  /** What is not as it should be, a sentence each; of maps it is known already. */
  readonly problems: readonly string[];
  readonly controllers: readonly ControllerView[];
}
