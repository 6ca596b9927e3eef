import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Meter } from '@opentelemetry/api';
import { type CniServer, serveCni } from '../../cni/index.ts';
import {
  loadPrograms,
  Netlink,
  objectDirectory,
  openBpf,
  openKernel,
  openMaps,
  orLacking,
} from '../../datapath/index.ts';
import { assert } from '../../lib/fault.ts';
import type { IpFamily } from '../../lib/ip-address.ts';
import type { Log } from '../../lib/log.ts';
import { onceATurn } from '../../lib/once-a-turn.ts';
import type { Tables } from '../../mesh/inputs.ts';
import { attachmentKey, ciliumEndpointManifest, type Endpoint } from '../../network/endpoint/index.ts';
import { ClusterPools } from '../../network/ipam/index.ts';
import { PolicyEngine } from '../../network/policy/index.ts';
import { Ipcache, tunnelEndpointOf } from '../../network/routing/index.ts';
import type { Store } from '../../store/index.ts';
import { AddressLoans } from '../ipam/address-loans.ts';
import { AgentIpam } from '../ipam/agent-ipam.ts';
import { Parts } from '../parts/parts.ts';
import type { DatapathView, RestListener, RuntimeConfig } from '../rest/index.ts';
import { followApiServer } from './api-server-peers.ts';
import { AttachedPrograms } from './attached-programs.ts';
import { cidrNumbers } from './cidr-numbers.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import { ClusterPeers } from './cluster-peers.ts';
import { CniEndpoints } from './cni-endpoints.ts';
import type { ViewedParts } from './datapath-view.ts';
import { EndpointManager } from './endpoint-manager.ts';
import { EndpointRecords } from './endpoint-records.ts';
import { HostEndpoint } from './host-endpoint.ts';
import { IdentityAllocator } from './identity-allocator.ts';
import { keepIdentities } from './keep-identities.ts';
import { KernelState } from './kernel-state.ts';
import { LocalNode } from './local-node.ts';
import { LocalPolicies } from './local-policies.ts';
import { keepNetworkFile } from './network-file-part.ts';
import { readNodeDevices } from './node-devices.ts';
import type { DatapathOptions } from './options.ts';
import { PodIdentities } from './pod-identities.ts';
import { feedPolicies } from './policy-feed.ts';
import { Publisher } from './publisher.ts';
import { configValue, initialConfig } from './runtime-config.ts';
import { serveDatapath } from './serve-datapath.ts';
import { loosenReversePath, setSysctls } from './sysctls.ts';
import { setUpTunnel } from './tunnel.ts';

export interface DatapathContext {
  readonly options: DatapathOptions;
  readonly store: Store;
  readonly tables: Tables;
  readonly objects: ClusterObjects;
  readonly log: Log;
  readonly version: string;
  readonly meter: Meter;
  /** The agent's metrics in the Prometheus text format. */
  readonly metrics: () => Promise<string>;
  /** Of an API server, where objects come from one. */
  readonly kubernetes?: ViewedParts['kubernetes'];
}

/** A node's datapath, running. */
export interface RunningDatapath {
  /** What the API shows. */
  readonly view: DatapathView;
  /** Of the API: for the agent's own socket. */
  readonly rest: RestListener;
  /** Stops what needs this process; what is in the kernel goes on by itself. */
  close(): Promise<void>;
}

/** ms between looks at the node's own devices and addresses. */
const deviceInterval = 5000;

/**
 * Brings the node's datapath up, or takes over what a process before left in the kernel, without a gap: nothing is written before
 * all of the world is known, as what is not known would not be enforced. Call it when the tables hold what the sources had.
 * @throws Fault of the part that could not start; what is in the kernel is left as it was
 */
export async function startDatapath(context: DatapathContext): Promise<RunningDatapath> {
  const parts = new Parts();
  try {
    return await start(parts, context);
  } catch (error) {
    await parts.close();
    throw error;
  }
}

async function start(parts: Parts, context: DatapathContext): Promise<RunningDatapath> {
  const { options, tables, objects, log } = context;
  const [kernel, bpf] = [await openKernel(), await openBpf()];
  const netlink = parts.add('netlink', new Netlink(kernel));
  setSysctls(options.families);
  const { maps, programs } = orLacking(bpf, kernel, objectDirectory(), () => {
    const opened = parts.add('maps', openMaps(bpf, kernel, { directory: options.bpffs, sizes: options.mapSizes }));
    return { maps: opened, programs: parts.add('programs', loadPrograms(bpf, kernel, opened)) };
  });

  let devices = readNodeDevices(netlink, options.devices);
  const mtu = () => options.mtu || devices.mtu;
  const tunnel = setUpTunnel(netlink, options, devices, mtu());
  const podMtu = () => tunnel?.mtu ?? mtu();

  const engine = new PolicyEngine({
    cluster: options.cluster,
    enforcement: options.enforcement,
    allowLocalhost: options.allowLocalhost,
  });
  const ipcache = new Ipcache();
  const state = new KernelState({ maps, engine, ipcache, audit: options.audit, proxyPort: 0 });
  /** For readers of events; there once the view is. */
  let tell: (event: string, message: string) => void = () => {};
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
      ...{ tables, node: options.node, mode: options.ipam, ipam, devices: () => devices, publisher },
      ...(options.pools === undefined ? {} : { pools: new ClusterPools(options.pools) }),
    }),
  );
  const peers = parts.add(
    'peers',
    new ClusterPeers({
      ...{ tables, node: options.node, routing: options.routing, ipcache, netlink, tunnel, changed, log },
      devices: () => devices,
      unreachable: () => (options.unreachableRoutes ? ipam.unreachableRoutes() : []),
    }),
  );
  state.setHostAddresses(devices.addresses);

  const pods: PodIdentities = parts.add('pods', new PodIdentities(tables, options, (key) => manager.podChanged(key)));
  const identities = new IdentityAllocator(tables.CiliumIdentity, objects);
  const { attachments } = programs;
  const onPodsAndDevices = new AttachedPrograms(attachments, options);
  const manager: EndpointManager = parts.add(
    'endpoints',
    new EndpointManager({
      records: new EndpointRecords(options.stateDir),
      onChange: (endpoint, change) => {
        tell(change === 'set' ? 'endpoint-updated' : 'endpoint-deleted', nameOf(endpoint));
        if (endpoint.pod.name === '') return;
        // A pod's next sandbox may be there before its last one is removed: what is told is of the one that lives.
        const living = change === 'set' ? endpoint : manager.ofPod(endpoint.pod);
        if (living !== undefined) publisher.apply(ciliumEndpointManifest(living, tunnelEndpointOf(devices)));
        else publisher.remove(ciliumEndpointManifest(endpoint, undefined));
      },
      ...{ netlink, state, engine, identities, pods, log, programs: onPodsAndDevices },
    }),
  );

  const { kept, lost } = manager.restore();
  for (const managed of kept)
    for (const address of managed.endpoint.chained ? [] : managed.made.addresses)
      ipam.claim(address, managed.key, { restored: true, description: describe(managed.endpoint.pod, managed.key) });
  for (const one of lost) ipam.release(attachmentKey(one));
  const host = options.hostFirewall
    ? parts.add('host endpoint', hostEndpoint(context, manager, engine, state))
    : undefined;
  engine.cidrs.restore(cidrNumbers(maps));
  // All of the world, in one: policies, identities and prefixes of the tables, and the endpoints of the process before.
  parts.add('policies', feedPolicies(tables, engine, changed));
  const localPolicies = new LocalPolicies({ path: join(options.stateDir, 'policies.json'), engine, apply });
  localPolicies.restore();
  parts.add('API server', followApiServer({ tables, node: options.node, engine, ipcache, changed }));
  state.apply();
  engine.cidrs.forget();
  let runtime: RuntimeConfig = initialConfig(options);
  const configure = (change: Partial<RuntimeConfig>) => {
    runtime = { ...runtime, ...change };
    engine.setEnforcement(runtime.policyEnforcement);
    state.audit = runtime.audit;
    state.apply();
    maps.config.set(0, configValue(options, runtime, tunnel?.link ?? 0));
  };
  configure({});
  const onDevices = onPodsAndDevices.attachDevices(devices, tunnel?.link);
  manager.restored(kept);
  ipam.restored([...kept.map(({ key }) => key), ...loans.owners()]);
  loans.resume();
  // Filters, where there are no links, are found on their devices only.
  onPodsAndDevices.prune(
    onDevices,
    kept,
    netlink.links.list().map(({ index }) => index),
  );
  // All programs that write into them are ours by now.
  maps.finishReplacing();
  peers.updateRoutes();
  parts.add('routes of Pod CIDRs', { close: ipam.observe(() => peers.updateRoutes()) });
  // What was told of endpoints that are gone.
  const own = new Set(kept.map(({ endpoint: { pod } }) => `${pod.namespace}/${pod.name}`));
  for (const key of peers.ownEndpoints()) {
    const [namespace, name] = key.split('/') as [string, string];
    if (!own.has(key))
      publisher.remove({ apiVersion: 'cilium.io/v2', kind: 'CiliumEndpoint', metadata: { namespace, name } });
  }
  parts.add('identities in use', keepIdentities(tables, manager, objects, log));

  const look = setInterval(() => {
    try {
      const now = readNodeDevices(netlink, options.devices);
      if (JSON.stringify(now) === JSON.stringify(devices)) return;
      devices = now;
      state.setHostAddresses(devices.addresses);
      peers.setHostAddresses();
      onPodsAndDevices.attachDevices(devices, tunnel?.link);
      if (tunnel !== undefined) loosenReversePath(devices.uplinks.map(({ name }) => name));
      peers.updateRoutes();
      changed();
    } catch (error) {
      log.warn({ err: error }, 'devices of the node');
    }
  }, deviceInterval);
  look.unref();
  parts.add('devices', { close: () => clearInterval(look) });

  const handler = new CniEndpoints({
    ...{ manager, kernel, netlink, ipam, pods, identities, families, log },
    mtu: podMtu,
    chained: options.cniChainingTarget !== undefined,
  });
  await parts.start<CniServer>('cni', () => serveCni({ socket: options.cniSocket, handler, log }));
  await keepNetworkFile(parts, options, { handler, ipam, log });
  const { view, rest } = await serveDatapath(
    parts,
    {
      ...{
        options,
        tables,
        engine,
        ipcache,
        state,
        localPolicies,
        manager,
        peers,
        ipam,
        loans,
        maps,
        programs,
        publisher,
        netlink,
        configure,
      },
      ...{ version: context.version, metrics: context.metrics, devices: () => devices, runtime: () => runtime },
      mtu: { device: podMtu(), route: podMtu() },
      ...(context.kubernetes === undefined ? {} : { kubernetes: context.kubernetes }),
      ...(host === undefined ? {} : { host: host.managed }),
    },
    { bpf, kernel, meter: context.meter, log },
  );
  tell = (event, message) => view.flows.agent(event, message);
  log.info(
    {
      endpoints: kept.length,
      programs: `${Math.round(programs.duration)} ms`,
      attached: attachments.mode,
      routing: options.routing,
    },
    'datapath serves',
  );
  return { view, rest, close: () => parts.close() };
}

function hostEndpoint(
  { options: { node }, tables }: DatapathContext,
  manager: EndpointManager,
  engine: PolicyEngine,
  state: KernelState,
): HostEndpoint {
  const id = manager.allocateId();
  assert(id !== undefined, 'no id is free before any pod is there');
  return new HostEndpoint({ tables, node, id, engine, state });
}

/** `17 default/web is ready, identity 4711` */
function nameOf({ id, pod, containerId, state, identity }: Endpoint): string {
  const who = identity === undefined ? 'without an identity' : `identity ${identity}`;
  return `${id} ${describe(pod, containerId)} is ${state}, ${who}`;
}

function describe(pod: { readonly namespace: string; readonly name: string }, key: string): string {
  return pod.name === '' ? key : `${pod.namespace}/${pod.name}`;
}
