import type { DatapathMaps, Netlink, Programs } from '../../datapath/index.ts';
import type { Tables } from '../../mesh/inputs.ts';
import type { PolicyEngine } from '../../network/policy/index.ts';
import type { Ipcache } from '../../network/routing/index.ts';
import type { AddressLoans } from '../ipam/address-loans.ts';
import type { AgentIpam } from '../ipam/agent-ipam.ts';
import { type DatapathView, type NodeHealth, nodeView, type RuntimeConfig } from '../rest/index.ts';
import type { ClusterPeers } from './cluster-peers.ts';
import type { EndpointManager } from './endpoint-manager.ts';
import type { ExternalEndpoints } from './external-endpoints.ts';
import type { KernelState } from './kernel-state.ts';
import type { LocalPolicies } from './local-policies.ts';
import type { ManagedEndpoint } from './managed-endpoint.ts';
import type { NodeDevices } from './node-devices.ts';
import type { DatapathOptions } from './options.ts';
import type { Publisher } from './publisher.ts';

/** The parts of a running datapath that its API tells of. */
export interface ViewedParts {
  readonly options: DatapathOptions;
  readonly version: string;
  readonly tables: Tables;
  readonly engine: PolicyEngine;
  readonly ipcache: Ipcache;
  readonly state: KernelState;
  readonly localPolicies: LocalPolicies;
  readonly manager: EndpointManager;
  readonly endpointChanges: ExternalEndpoints;
  /** With host policies. */
  readonly host?: ManagedEndpoint;
  readonly peers: ClusterPeers;
  readonly ipam: AgentIpam;
  readonly loans: AddressLoans;
  readonly maps: DatapathMaps;
  readonly programs: Programs;
  readonly publisher: Publisher;
  readonly netlink: Netlink;
  readonly devices: () => NodeDevices;
  readonly mtu: { readonly device: number; readonly route: number };
  readonly runtime: () => RuntimeConfig;
  readonly configure: (change: Partial<RuntimeConfig>) => void;
  /** Told whether somebody reads events as they come. */
  readonly onFollowed: (isFollowed: boolean) => void;
  readonly metrics: () => Promise<string>;
  /** What it reads objects from; absent: files. */
  readonly kubernetes?: () => NodeHealth['kubernetes'];
}

export function datapathView(parts: ViewedParts): DatapathView {
  const { options, engine, state, manager, peers, netlink, host } = parts;
  const { version, tables, ipcache, ipam, maps, metrics, localPolicies, loans, endpointChanges } = parts;
  return nodeView({
    ...{ version, cluster: options.cluster, node: options.node, tables, engine, ipcache, ipam, maps, metrics },
    ...{ localPolicies, loans, endpointChanges },
    routing: options.routing,
    trace: (query) => engine.trace(query),
    endpoints: {
      *values() {
        if (host !== undefined) yield host;
        yield* manager.values();
      },
      byId: (id) => (host?.endpoint.id === id ? host : manager.byId(id)),
    },
    nodes: () => peers.nodes(),
    reconcilers: () => state.states(),
    policyMap: (hostIfindex) => state.policyOf(hostIfindex),
    policyRevision: () => state.revision,
    interfaceName: (index) => netlink.links.find(index)?.name,
    health: () => healthOf(parts),
    config: () => ({
      runtime: parts.runtime(),
      fixed: {
        deviceMtu: parts.mtu.device,
        routeMtu: parts.mtu.route,
        ipamMode: options.ipam,
        flags: flagsOf(options),
      },
    }),
    configure: async (change) => parts.configure(change),
  });
}

function healthOf(parts: ViewedParts): NodeHealth {
  const { options, state, peers, publisher, devices, localPolicies } = parts;
  const { faults, unreachable } = peers.problems();
  const { successes, failures, lastError } = publisher.state();
  return {
    kubernetes: parts.kubernetes?.() ?? { state: 'Disabled', message: 'objects are read from files', apis: [] },
    hostFirewall: options.hostFirewall,
    devices: devices().uplinks.map(({ name }) => name),
    hostRouting: options.fastPath ? 'BPF' : 'Legacy',
    chaining: 'none',
    problems: [
      ...[...faults, ...state.faults()].map(({ message }) => message),
      ...localPolicies.problems(),
      ...unreachable.map(({ node, destination, reason }) => `no route to ${destination} of ${node}: ${reason}`),
    ],
    controllers: [
      {
        name: 'publish-objects',
        ...{ successes, failures, consecutiveFailures: publisher.state().waiting > 0 ? failures : 0 },
        ...(lastError === undefined ? {} : { lastError }),
      },
    ],
  };
}

function flagsOf(options: DatapathOptions): Record<string, string> {
  const flags: Record<string, unknown> = {
    'cluster-name': options.cluster,
    routing: options.routing,
    'tunnel-port': options.tunnelPort,
    ipam: options.ipam,
    'host-firewall': options.hostFirewall,
    'allow-localhost': options.allowLocalhost,
    'fast-path': options.fastPath,
    ipv4: options.families.ipv4,
    ipv6: options.families.ipv6,
    bpffs: options.bpffs,
  };
  return Object.fromEntries(Object.entries(flags).map(([name, value]) => [name, `${value}`]));
}
