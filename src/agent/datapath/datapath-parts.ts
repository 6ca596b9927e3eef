import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IpFamily } from '../../lib/ip-address.ts';
import type { Log } from '../../lib/log.ts';
import { onceATurn } from '../../lib/once-a-turn.ts';
import type { Tables } from '../../mesh/inputs.ts';
import { ClusterPools } from '../../network/ipam/index.ts';
import { PolicyEngine } from '../../network/policy/index.ts';
import { Ipcache } from '../../network/routing/index.ts';
import { AddressLoans } from '../ipam/address-loans.ts';
import { AgentIpam } from '../ipam/agent-ipam.ts';
import type { Parts } from '../parts/parts.ts';
import { AttachedPrograms } from './attached-programs.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import { ClusterPeers } from './cluster-peers.ts';
import { EndpointFacts } from './endpoint-facts.ts';
import { EndpointManager } from './endpoint-manager.ts';
import { endpointNews } from './endpoint-news.ts';
import { EndpointRecords } from './endpoint-records.ts';
import { EndpointRemovals } from './endpoint-removals.ts';
import { ExternalEndpoints } from './external-endpoints.ts';
import { followNodes } from './follow-nodes.ts';
import { IdentityAllocator } from './identity-allocator.ts';
import { KernelState } from './kernel-state.ts';
import { LocalNode } from './local-node.ts';
import { LocalPolicies } from './local-policies.ts';
import { NodeNetwork } from './node-network.ts';
import type { OpenDatapath } from './open-datapath.ts';
import type { DatapathOptions } from './options.ts';
import { PodIdentities } from './pod-identities.ts';
import { Publisher } from './publisher.ts';
import { RuntimeSettings } from './runtime-settings.ts';

/** What a datapath is put together from. */
export type DatapathParts = ReturnType<typeof makeParts>;

export interface DatapathInputs {
  readonly options: DatapathOptions;
  readonly tables: Tables;
  readonly objects: ClusterObjects;
  readonly log: Log;
  /** For readers of events. */
  readonly tell: (event: string, message: string) => void;
}

/** Makes the parts of a datapath, each of which follows its own tables from here on. No map is written, no program attached: `takeOver`. */
export function makeParts(parts: Parts, opened: OpenDatapath, { options, tables, objects, log, tell }: DatapathInputs) {
  const { maps, netlink, links, programs } = opened;
  const { node, routing } = options;
  const network = new NodeNetwork(netlink, options);
  const devices = () => network.devices;
  const engine = new PolicyEngine({
    cluster: options.cluster,
    enforcement: options.enforcement,
    allowLocalhost: options.allowLocalhost,
  });
  const ipcache = new Ipcache();
  const nodes = parts.add('nodes', followNodes({ tables, node, engine, ipcache, changed: () => changed() }));
  const state: KernelState = new KernelState({
    ...{ maps, engine, ipcache, audit: options.audit, proxyPort: 0, nodes },
    aroundSplit: () => settings.askForEachPacket(),
  });
  parts.add('stock of policy maps', { close: () => state.policies.stock.close() });
  const apply = () => {
    const before = state.revision;
    state.apply();
    if (state.revision !== before) tell('policy-updated', `revision ${state.revision}`);
  };
  const changed = onceATurn(apply);
  const publisher = parts.add('publisher', new Publisher(objects, log));
  const families: IpFamily[] = [
    ...(options.families.ipv4 ? [4 as const] : []),
    ...(options.families.ipv6 ? [6 as const] : []),
  ];
  const ipam = parts.add(
    'ipam',
    new AgentIpam({
      ...{ mode: options.ipam, families, log },
      path: join(options.stateDir, 'ipam.jsonl'),
      bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    }),
  );
  const loans = parts.add('addresses lent', new AddressLoans({ ipam, log }));
  parts.add(
    'local node',
    new LocalNode({
      ...{ tables, node, mode: options.ipam, ipam, devices, publisher },
      ...(options.pools === undefined ? {} : { pools: new ClusterPools(options.pools) }),
    }),
  );
  const peers = parts.add(
    'peers',
    new ClusterPeers({
      ...{ tables, node, routing, ipcache, netlink, changed, log, devices },
      tunnel: () => network.tunnel,
      unreachable: () => (options.unreachableRoutes ? ipam.unreachableRoutes() : []),
      endpointLinks: () => Array.from(manager.values(), ({ endpoint }) => endpoint.hostIfindex),
    }),
  );
  state.setHostAddresses(network.devices.addresses);
  const pods: PodIdentities = parts.add('pods', new PodIdentities(tables, options, (key) => manager.podChanged(key)));
  const identities = new IdentityAllocator(tables.CiliumIdentity, objects);
  const attached = new AttachedPrograms(programs.attachments, options);
  const facts = new EndpointFacts(pods, options.labels);
  const manager: EndpointManager = parts.add(
    'endpoints',
    new EndpointManager({
      records: new EndpointRecords(options.stateDir),
      onChange: endpointNews({ publisher, network, tell, ofPod: (pod) => manager.ofPod(pod) }),
      ...{ netlink, links, state, engine, identities, facts, log, programs: attached },
    }),
  );
  const removals = parts.add('removal of endpoints', new EndpointRemovals(links, log));
  const endpointChanges = new ExternalEndpoints({
    ...{ manager, netlink, ipam, loans, identities, facts, families, devices, log },
    gateway6: () => [...peers.nodes()].find(({ isLocal }) => isLocal)?.ipv6,
  });
  const localPolicies = new LocalPolicies({ path: join(options.stateDir, 'policies.json'), engine, apply });
  const settings: RuntimeSettings = parts.add(
    'settings',
    new RuntimeSettings({ options, maps, engine, state, network, apply }),
  );
  return {
    ...{
      ...opened,
      options,
      tables,
      objects,
      log,
      network,
      engine,
      ipcache,
      state,
      apply,
      changed,
      publisher,
      families,
    },
    ...{ ipam, loans, peers, pods, identities, attached, manager, removals, endpointChanges, localPolicies, settings },
  };
}
