import {
  type AddRequest,
  adoptPodInterface,
  attachmentNames,
  type CheckRequest,
  CniError,
  type CniHandler,
  type CniResult,
  checkAdoptedInterface,
  checkPodInterface,
  cniCode,
  type DelRequest,
  type GcRequest,
  makePodInterface,
  mendNodeSides,
  type PodInterface,
  podResult,
  type StatusRequest,
} from '../../cni/index.ts';
import { type Kernel, type LinkRemover, type Netlink, NetworkNamespace } from '../../datapath/index.ts';
import { Fault } from '../../lib/fault.ts';
import type { IpFamily } from '../../lib/ip-address.ts';
import type { Log } from '../../lib/log.ts';
import { attachmentKey, type Endpoint, type EndpointAddresses, type PodRef } from '../../network/endpoint/index.ts';
import type { Ipam } from '../../network/ipam/index.ts';
import type { EndpointManager } from './endpoint-manager.ts';
import type { EndpointRemovals } from './endpoint-removals.ts';
import type { IdentityAllocator } from './identity-allocator.ts';
import type { ManagedEndpoint } from './managed-endpoint.ts';
import type { PodIdentities, PodState } from './pod-identities.ts';
import { type Undo, undoAll } from './undo.ts';

export interface CniEndpointsOptions {
  readonly manager: EndpointManager;
  readonly kernel: Kernel;
  readonly netlink: Netlink;
  readonly links: Pick<LinkRemover, 'remove'>;
  readonly removals: EndpointRemovals;
  readonly ipam: Ipam;
  readonly pods: PodIdentities;
  readonly identities: IdentityAllocator;
  readonly families: readonly IpFamily[];
  /** Bytes, of pods' interfaces. */
  readonly mtu: () => number;
  /** At the end of another plugin's chain, which gives addresses. */
  readonly chained: boolean;
  /** Looks at the node's own addresses again: another plugin may have given it one for its pods. @throws Fault */
  readonly lookAtNode: () => void;
  readonly log: Log;
}

/** ms that an ADD waits for its pod's object, and for the number of its labels; then it goes on, and they follow. */
const patience = 2000;

/** What the CNI plugin asks for, done. Calls for one container come one after the other; a call that fails leaves nothing. */
export class CniEndpoints implements CniHandler {
  readonly #options: CniEndpointsOptions;

  constructor(options: CniEndpointsOptions) {
    this.#options = options;
  }

  async add(request: AddRequest): Promise<CniResult> {
    const { manager, removals } = this.#options;
    const key = attachmentKey(request);
    const door = new NetworkNamespace(this.#options.kernel, request.netns);
    try {
      const before = manager.get(key);
      if (before !== undefined) {
        if (!before.endpoint.chained) mendNodeSides(this.#options.netlink, [before.made]);
        if (this.#changes(before, door).length === 0) return this.#result(before.made, request);
        await this.#remove(before);
      }
      await removals.of(key);
      await this.#isClear(door, request.ifname);
      const managed = await this.#make(request, door);
      return this.#result(managed.made, request);
    } finally {
      door.close();
    }
  }

  async del(request: DelRequest): Promise<void> {
    const { manager, removals } = this.#options;
    const managed = manager.get(attachmentKey(request));
    if (managed !== undefined) await this.#remove(managed);
    // What was cut off is on its way out already.
    else if (!removals.has(attachmentKey(request))) await this.#removeUnknown(request);
  }

  async check(request: CheckRequest): Promise<void> {
    const { manager } = this.#options;
    const managed = manager.get(attachmentKey(request));
    if (managed === undefined)
      throw new CniError(cniCode.unknownContainer, `${attachmentKey(request)}: this node has no such endpoint`);
    const door = new NetworkNamespace(this.#options.kernel, request.netns);
    try {
      const changes = this.#changes(managed, door);
      if (changes.length === 0)
        changes.push(
          ...manager.missingPrograms(managed).map((name) => `${managed.made.hostInterface} is without program ${name}`),
        );
      if (changes.length > 0)
        throw new CniError(cniCode.changed, `${attachmentKey(request)} is not as it was made`, {
          details: changes.join('; '),
        });
    } finally {
      door.close();
    }
  }

  async gc({ validAttachments }: GcRequest): Promise<void> {
    const { manager, removals } = this.#options;
    const valid = new Set(validAttachments.map(attachmentKey));
    // What others made through the API is no attachment of ours.
    const gone = [...manager.values()].filter(
      ({ endpoint, key }) => endpoint.external === undefined && !valid.has(key),
    );
    await Promise.all(gone.map((managed) => this.#remove(managed)));
    await removals.settled();
    // Of an endpoint whose record could not be read, too.
    const names = new Set(validAttachments.map((one) => attachmentNames(one).hostInterface));
    await manager.removeStrangers((name) => !names.has(name));
  }

  async status(_request: StatusRequest): Promise<void> {
    const problem = this.problem();
    if (problem !== undefined) throw new CniError(cniCode.notAvailable, 'no pod can be set up', { details: problem });
  }

  /** What keeps pods from being set up now; undefined: nothing. An ADD waits for it, or finds out that it takes too long. */
  problem(): string | undefined {
    const { families, ipam, chained } = this.#options;
    if (chained) return undefined;
    const { podCidrs } = ipam.dump();
    const lacking = families.filter((family) => !podCidrs.some((one) => one.family === family));
    return lacking.length === 0 ? undefined : `this node has no Pod CIDR of IPv${lacking.join(' and IPv')} yet`;
  }

  async #make(request: AddRequest, door: NetworkNamespace): Promise<ManagedEndpoint> {
    const { manager, netlink, mtu, log } = this.#options;
    const { containerId, ifname, netns, config } = request;
    const pod: PodRef = { namespace: '', name: '', uid: '', ...request.pod };
    const chained = config.prevResult !== undefined;
    const id = manager.allocateId();
    if (id === undefined) throw new CniError(cniCode.tryAgainLater, 'all 65535 ids of endpoints are in use');
    const undo: Undo = [() => manager.forget(id)];
    try {
      const [state, identity] = await this.#identityOf(pod);
      const common = { id, containerId, ifname, netns, pod, chained, created: Date.now() };
      const known =
        state === undefined ? { labels: [], namedPorts: [] } : { labels: state.labels, namedPorts: state.namedPorts };
      const endpointOf = (made: PodInterface, addresses: EndpointAddresses): Endpoint => ({
        ...common,
        ...known,
        ...(identity === undefined ? {} : { identity }),
        ...{ hostInterface: made.hostInterface, hostIfindex: made.hostIndex, addresses },
        macs: { pod: made.podMac, host: made.hostMac },
        state: identity === undefined ? 'waiting-for-identity' : 'ready',
      });
      if (config.prevResult !== undefined) {
        const made = adoptPodInterface(netlink, door, request, config.prevResult);
        this.#options.lookAtNode();
        const endpoint = endpointOf(made, addressesOf(made));
        manager.record(endpoint);
        return manager.place(endpoint, made, state);
      }
      const addresses = await this.#allocate(request, pod, undo);
      const names = attachmentNames(request);
      // Before anything is in the kernel: whatever is left of this by a kill is found by its record.
      manager.record({
        ...common,
        ...{
          labels: [],
          namedPorts: [],
          addresses,
          hostInterface: names.hostInterface,
          hostIfindex: 0,
          state: 'creating',
        },
        macs: { pod: names.podMac, host: names.hostMac },
      });
      const spec = {
        ...{ containerId, ifname, mtu: config.mtu ?? mtu() },
        addresses: [addresses.ipv4, addresses.ipv6].filter((one) => one !== undefined),
        ...(pod.name === '' ? {} : { alias: `${pod.namespace}/${pod.name}` }),
      };
      let managed: ManagedEndpoint | undefined;
      undo.push(() => {
        if (managed === undefined) return;
        manager.remove(managed);
        manager.detach(managed.endpoint.hostIfindex);
      });
      await makePodInterface(netlink, door, spec, (made) => {
        const endpoint = endpointOf(made, addresses);
        managed = manager.place(endpoint, made, state);
        manager.record(endpoint);
      });
      return managed!;
    } catch (error) {
      const said = 'something of a pod that could not be set up stays';
      undoAll(undo, (fault) => log.warn({ err: fault, endpoint: attachmentKey(request) }, said));
      throw error;
    }
  }

  /** What is known of the pod in time. A pod that nobody has heard of, and what is no pod, has no identity. */
  async #identityOf(pod: PodRef): Promise<[PodState | undefined, number | undefined]> {
    const { pods, identities, log } = this.#options;
    if (pod.name === '') return [undefined, undefined];
    const state = await pods.wait(pod, patience);
    if (state === undefined) {
      log.warn({ pod: `${pod.namespace}/${pod.name}` }, 'a pod that is not known yet is set up without an identity');
      return [undefined, undefined];
    }
    return [state, await identities.allocateWithin(state.labels, patience)];
  }

  async #allocate(request: AddRequest, pod: PodRef, undo: Undo): Promise<EndpointAddresses> {
    const { ipam, families, removals } = this.#options;
    const owner = attachmentKey(request);
    const description = pod.name === '' ? owner : `${pod.namespace}/${pod.name}`;
    const allocate = () => ipam.allocate(owner, families, { description });
    const { ipv4, ipv6 } = await allocate().catch(async (error: unknown) => {
      // One that is free in a moment was free already for the runtime, which had its DEL answered.
      if (!(error instanceof Fault && error.code === 'IPAM_EXHAUSTED') || removals.size === 0) throw error;
      await removals.settled();
      return allocate();
    });
    undo.push(() => void ipam.release(owner));
    return { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) };
  }

  #changes({ made, endpoint }: ManagedEndpoint, door: NetworkNamespace): string[] {
    const { netlink } = this.#options;
    return endpoint.chained ? checkAdoptedInterface(netlink, door, made) : checkPodInterface(netlink, door, made);
  }

  /**
   * Cut off, and answered then: its interface goes behind that, and only when it is gone its address, its id and its record are given
   * back. What cannot be relied on to happen that way is waited for.
   */
  async #remove(managed: ManagedEndpoint): Promise<void> {
    const { manager, removals, ipam } = this.#options;
    const { endpoint, key } = managed;
    const { id, hostIfindex, chained } = endpoint;
    const isRecorded = manager.remove(managed);
    if (chained) {
      manager.detach(hostIfindex);
      manager.forget(id);
      return;
    }
    const gone = removals.start(key, hostIfindex, {
      gone: () => manager.detach(hostIfindex),
      giveBack: () => {
        ipam.release(key);
        manager.forget(id);
      },
    });
    if (!isRecorded || !this.#takeDown(hostIfindex)) await gone;
  }

  /** Its routes and neighbours go with that, and no packet passes even without programs. @returns whether it is down */
  #takeDown(ifindex: number): boolean {
    const { netlink, log } = this.#options;
    try {
      // By index: the name may be the next one's already.
      netlink.links.set(ifindex, { up: false });
    } catch (error) {
      if (error instanceof Fault && error.code === 'NETLINK_ENODEV') return true;
      log.warn({ err: error }, 'an interface cannot be taken down before it is removed');
      return false;
    }
    return true;
  }

  /** Waits where the name in the pod is still that of an interface on its way out. */
  async #isClear(door: NetworkNamespace, ifname: string): Promise<void> {
    const { removals } = this.#options;
    if (removals.size === 0) return;
    const pod = door.netlink();
    try {
      const peer = pod.links.find(ifname)?.peer;
      if (peer !== undefined) await removals.ofLink(peer);
    } finally {
      pod.close();
    }
  }

  /** An attachment that has no endpoint: of a call that failed, or was never made. */
  async #removeUnknown(request: DelRequest): Promise<void> {
    const { netlink, links, ipam } = this.#options;
    const link = netlink.links.find(attachmentNames(request).hostInterface);
    if (link !== undefined) await links.remove(link.index);
    ipam.release(attachmentKey(request));
  }

  /** Of an interface of ours; in a chain what the plugin before has answered. */
  #result(made: PodInterface, { netns, config }: AddRequest): CniResult {
    return config.prevResult ?? podResult(made, netns);
  }
}

function addressesOf({ addresses }: PodInterface): EndpointAddresses {
  const ipv4 = addresses.find((address) => !address.includes(':'));
  const ipv6 = addresses.find((address) => address.includes(':'));
  return { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) };
}
