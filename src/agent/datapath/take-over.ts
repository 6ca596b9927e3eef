import { isHostInterface, mendNodeSides } from '../../cni/index.ts';
import { assert } from '../../lib/fault.ts';
import { attachmentKey, type Endpoint } from '../../network/endpoint/index.ts';
import type { Parts } from '../parts/parts.ts';
import { cidrNumbers } from './cidr-numbers.ts';
import type { DatapathParts } from './datapath-parts.ts';
import { podName } from './endpoint-news.ts';
import { HostEndpoint } from './host-endpoint.ts';
import { keepIdentities } from './keep-identities.ts';
import type { ManagedEndpoint } from './managed-endpoint.ts';
import { feedPolicies } from './policy-feed.ts';

export interface TakenOver {
  /** Endpoints of the process before. */
  readonly kept: readonly ManagedEndpoint[];
  /** With host policies. */
  readonly host: ManagedEndpoint | undefined;
}

/**
 * Goes on with what the process before left in the kernel, without a gap. First all of the world is brought together: endpoints that
 * are still there, the objects of the tables; then the maps are made to say it, in one; then programs are replaced, each in place;
 * and last goes what nothing wants any more.
 */
export async function takeOver(parts: Parts, datapath: DatapathParts): Promise<TakenOver> {
  const { options, tables, objects, log, maps, netlink, network } = datapath;
  const { engine, state, changed, publisher, ipam, loans, peers, attached, manager } = datapath;
  const { kept, lost } = manager.restore();
  for (const { endpoint, made, key } of kept)
    for (const address of endpoint.chained ? [] : made.addresses)
      ipam.claim(address, key, { restored: true, description: podName(endpoint) });
  const host = options.hostFirewall ? parts.add('host endpoint', hostEndpoint(datapath)) : undefined;
  engine.cidrs.restore(cidrNumbers(maps));
  parts.add('policies', feedPolicies(tables, engine, changed));
  datapath.localPolicies.restore();
  state.apply();
  engine.cidrs.forget();
  datapath.settings.change({});

  const onDevices = attached.attachDevices(network.devices, network.tunnel?.link);
  manager.restored(kept);
  // Routes and neighbours that somebody took away meanwhile.
  try {
    mendNodeSides(
      netlink,
      kept.filter(({ endpoint }) => !endpoint.chained).map(({ made }) => made),
    );
  } catch (error) {
    log.error({ err: error }, 'routes to pods that were there before cannot be looked after');
  }
  // Only now that the maps say what is true may other work run in between.
  await manager.removeLost(lost);
  const living = kept.map(({ key }) => key);
  for (const key of ownersGone(living, lost)) ipam.release(key);
  ipam.restored([...living, ...loans.owners()]);
  loans.resume();
  // Filters, where there are no links, are found on their devices only. A pod whose record is unreadable stays shut.
  const others = netlink.links.list().filter(({ name }) => !isHostInterface(name));
  attached.prune(
    onDevices,
    kept,
    others.map(({ index }) => index),
  );
  // All programs that write into them are ours by now.
  maps.finishReplacing();
  peers.updateRoutes();
  parts.add('routes of Pod CIDRs', { close: ipam.observe(() => void peers.updateRoutes()) });
  // What was told of endpoints that are gone.
  const own = new Set(kept.map(({ endpoint: { pod } }) => `${pod.namespace}/${pod.name}`));
  for (const key of peers.ownEndpoints()) {
    const [namespace, name] = key.split('/') as [string, string];
    if (!own.has(key))
      publisher.remove({ apiVersion: 'cilium.io/v2', kind: 'CiliumEndpoint', metadata: { namespace, name } });
  }
  parts.add('identities in use', keepIdentities(tables, manager, objects, log));
  return { kept, host: host?.managed };
}

/** Whose addresses are free. There may be an old record of an attachment that was made again since: its addresses are the living one's. */
export function ownersGone(living: readonly string[], lost: readonly Endpoint[]): string[] {
  return lost.map(attachmentKey).filter((key) => !living.includes(key));
}

function hostEndpoint({ options: { node }, tables, manager, engine, state }: DatapathParts): HostEndpoint {
  const id = manager.allocateId();
  assert(id !== undefined, 'no id is free before any pod is there');
  return new HostEndpoint({ tables, node, id, engine, state });
}
