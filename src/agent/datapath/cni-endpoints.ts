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
  type PodInterface,
  podResult,
  type StatusRequest,
} from '../../cni/index.ts';
import { type Kernel, type Netlink, NetworkNamespace } from '../../datapath/index.ts';
import type { IpFamily } from '../../lib/ip-address.ts';
import type { Log } from '../../lib/log.ts';
import { attachmentKey, type Endpoint, type EndpointAddresses, type PodRef } from '../../network/endpoint/index.ts';
import type { Ipam } from '../../network/ipam/index.ts';
import type { EndpointManager } from './endpoint-manager.ts';
import type { IdentityAllocator } from './identity-allocator.ts';
import type { ManagedEndpoint } from './managed-endpoint.ts';
import type { PodIdentities, PodState } from './pod-identities.ts';

export interface CniEndpointsOptions {
  readonly manager: EndpointManager;
  readonly kernel: Kernel;
  readonly netlink: Netlink;
  readonly ipam: Ipam;
  readonly pods: PodIdentities;
  readonly identities: IdentityAllocator;
  readonly families: readonly IpFamily[];
  /** Bytes, of pods' interfaces. */
  readonly mtu: () => number;
  /** At the end of another plugin's chain, which gives addresses. */
  readonly chained: boolean;
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
    const { manager } = this.#options;
    const before = manager.get(attachmentKey(request));
    const door = new NetworkNamespace(this.#options.kernel, request.netns);
    try {
      if (before !== undefined) {
        if (this.#changes(before, door).length === 0) return this.#result(before.made, request);
        this.#remove(before);
      }
      const managed = await this.#make(request, door);
      return this.#result(managed.made, request);
    } finally {
      door.close();
    }
  }

  async del(request: DelRequest): Promise<void> {
    const managed = this.#options.manager.get(attachmentKey(request));
    if (managed !== undefined) this.#remove(managed);
    else this.#removeUnknown(request);
  }

  async check(request: CheckRequest): Promise<void> {
    const managed = this.#options.manager.get(attachmentKey(request));
    if (managed === undefined)
      throw new CniError(cniCode.unknownContainer, `${attachmentKey(request)}: this node has no such endpoint`);
    const door = new NetworkNamespace(this.#options.kernel, request.netns);
    try {
      const changes = this.#changes(managed, door);
      if (changes.length > 0)
        throw new CniError(cniCode.changed, `${attachmentKey(request)} is not as it was made`, {
          details: changes.join('; '),
        });
    } finally {
      door.close();
    }
  }

  async gc({ validAttachments }: GcRequest): Promise<void> {
    const valid = new Set(validAttachments.map(attachmentKey));
    for (const managed of [...this.#options.manager.values()]) if (!valid.has(managed.key)) this.#remove(managed);
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
    const { manager, netlink, mtu } = this.#options;
    const { containerId, ifname, netns, config } = request;
    const pod: PodRef = { namespace: '', name: '', uid: '', ...request.pod };
    const chained = config.prevResult !== undefined;
    const id = manager.allocateId();
    if (id === undefined) throw new CniError(cniCode.tryAgainLater, 'all 65535 ids of endpoints are in use');
    const undo: (() => void)[] = [() => manager.forget(id)];
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
        if (managed !== undefined) manager.remove(managed);
      });
      await makePodInterface(netlink, door, spec, (made) => {
        const endpoint = endpointOf(made, addresses);
        managed = manager.place(endpoint, made, state);
        manager.record(endpoint);
      });
      return managed!;
    } catch (error) {
      for (const one of undo.reverse()) one();
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
    const late = new Promise<undefined>((resolve) => setTimeout(resolve, patience, undefined).unref());
    const known = identities.known(state.labels);
    const identity = known ?? (await Promise.race([identities.allocate(state.labels).catch(() => undefined), late]));
    return [state, identity];
  }

  async #allocate(request: AddRequest, pod: PodRef, undo: (() => void)[]): Promise<EndpointAddresses> {
    const { ipam, families } = this.#options;
    const owner = attachmentKey(request);
    const description = pod.name === '' ? owner : `${pod.namespace}/${pod.name}`;
    const { ipv4, ipv6 } = await ipam.allocate(owner, families, { description });
    undo.push(() => void ipam.release(owner));
    return { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) };
  }

  #changes({ made, endpoint }: ManagedEndpoint, door: NetworkNamespace): string[] {
    const { netlink } = this.#options;
    return endpoint.chained ? checkAdoptedInterface(netlink, door, made) : checkPodInterface(netlink, door, made);
  }

  /** Out of the kernel, its interface too, then its address is free, and last its record goes. */
  #remove(managed: ManagedEndpoint): void {
    const { manager, netlink, ipam } = this.#options;
    const { endpoint, key } = managed;
    manager.remove(managed);
    if (!endpoint.chained) {
      // By index: the name may be the next one's already.
      netlink.links.remove(endpoint.hostIfindex);
      ipam.release(key);
    }
    manager.forget(endpoint.id);
  }

  /** An attachment that has no endpoint: of a call that failed, or was never made. */
  #removeUnknown(request: DelRequest): void {
    const { netlink, ipam } = this.#options;
    netlink.links.remove(attachmentNames(request).hostInterface);
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
