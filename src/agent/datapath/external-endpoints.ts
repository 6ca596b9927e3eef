import { answerForGateway, clearNode, isHostInterface, type PodInterface, setUpNode } from '../../cni/index.ts';
import type { Link, Netlink } from '../../datapath/index.ts';
import { Fault } from '../../lib/fault.ts';
import type { IpFamily } from '../../lib/ip-address.ts';
import type { Log } from '../../lib/log.ts';
import {
  type AttachmentRef,
  attachmentKey,
  type Endpoint,
  type EndpointAddresses,
} from '../../network/endpoint/index.ts';
import { makeLabels, parseLabel } from '../../network/identity/index.ts';
import type { AddressLoans } from '../ipam/address-loans.ts';
import type { AgentIpam } from '../ipam/agent-ipam.ts';
import type { EndpointChangesView, EndpointRequest } from '../rest/index.ts';
import type { EndpointFacts } from './endpoint-facts.ts';
import type { EndpointManager } from './endpoint-manager.ts';
import type { IdentityAllocator } from './identity-allocator.ts';
import type { ManagedEndpoint } from './managed-endpoint.ts';
import type { NodeDevices } from './node-devices.ts';
import { type Undo, undoAll } from './undo.ts';

export interface ExternalEndpointsOptions {
  readonly manager: EndpointManager;
  readonly netlink: Netlink;
  readonly ipam: Pick<AgentIpam, 'release'>;
  readonly loans: Pick<AddressLoans, 'redeem'>;
  readonly identities: IdentityAllocator;
  readonly facts: EndpointFacts;
  readonly families: readonly IpFamily[];
  readonly devices: () => Pick<NodeDevices, 'uplinks'>;
  /** The node's own IPv6 address, as the API tells it: makers of endpoints use it as a gateway. */
  readonly gateway6: () => string | undefined;
  readonly log: Log;
}

/** ms that a request waits for the number of its labels; then it goes on, and the number follows. */
const patience = 2000;
const noMac = '00:00:00:00:00:00';

/**
 * Endpoints whose interface somebody else makes, and tells of through the API: Cilium's own CNI and Docker plugins, and the like. What they are
 * told of is put under policy; the interface stays its maker's, before and after.
 */
export class ExternalEndpoints implements EndpointChangesView {
  readonly #options: ExternalEndpointsOptions;
  /** Interfaces and containers of requests under way. */
  readonly #busy = new Set<string>();

  constructor(options: ExternalEndpointsOptions) {
    this.#options = options;
  }

  async create(request: EndpointRequest): Promise<number> {
    const link = this.#linkOf(request);
    if (link === undefined) throw invalid('interface-name is missing: the name of its end on the node');
    this.#refuseNodeDevice(link);
    this.#refuseTaken(request, link);
    const marks = [`interface ${link.index}`, ...(request.containerId ? [`container ${request.containerId}`] : [])];
    const busy = marks.find((mark) => this.#busy.has(mark));
    if (busy !== undefined) throw new Fault('ENDPOINT_EXISTS', `an endpoint of ${busy} is being made`);
    for (const mark of marks) this.#busy.add(mark);
    try {
      return await this.#create(request, link);
    } finally {
      for (const mark of marks) this.#busy.delete(mark);
    }
  }

  change(id: number, request: EndpointRequest): void {
    const managed = this.#external(id);
    const { endpoint } = managed;
    const { pod, containerId = endpoint.containerId } = request;
    if (containerId !== endpoint.containerId) throw invalid('container-id is another one: it stays the same');
    if (request.isExternalIpam !== undefined && request.isExternalIpam !== endpoint.chained)
      throw invalid('datapath-configuration.external-ipam is another one: it stays the same');
    const link = this.#linkOf(request);
    if (link !== undefined && link.name !== endpoint.hostInterface)
      throw invalid(
        `interface-name is ${link.name}: that of endpoint ${id} is ${endpoint.hostInterface}, and stays so`,
      );
    const { addresses } = endpoint;
    for (const family of ['ipv4', 'ipv6'] as const)
      if (request[family] !== undefined && request[family].address !== addresses[family])
        throw invalid(
          `addressing.${family} is ${request[family].address}: that of endpoint ${id} stays ${addresses[family]}`,
        );
    const hasPod = endpoint.pod.name !== '';
    if (pod !== undefined && hasPod && (pod.name !== endpoint.pod.name || pod.namespace !== endpoint.pod.namespace))
      throw invalid('k8s-pod-name is another one: it stays the same');
    refuseLabelsOfPods(request, hasPod || pod !== undefined);
    const { mac: podMac = endpoint.macs.pod, hostMac = endpoint.macs.host } = request;
    const made = { ...managed.made, podMac, hostMac };
    if (!endpoint.chained) setUpNode(this.#options.netlink, made);
    managed.made = made;
    this.#options.manager.change(managed, {
      macs: { pod: podMac, host: hostMac },
      external: {
        ...endpoint.external,
        ...namesOf(request),
        labels: labelsOf(request) ?? endpoint.external?.labels ?? [],
      },
      ...(pod === undefined ? {} : { pod: { uid: '', ...pod } }),
    });
  }

  remove(id: number): readonly string[] {
    const managed = this.#external(id);
    const { manager, netlink, ipam, gateway6, log } = this.#options;
    const { chained } = managed.endpoint;
    const steps = [
      () => this.#cutOff(managed),
      () => (chained ? undefined : clearNode(netlink, managed.made, gateway6())),
      () => (chained ? undefined : ipam.release(managed.key)),
      () => manager.forget(id),
    ];
    // Whatever one of them says, the others are tried: there is no second call for an endpoint that is gone.
    return steps.flatMap((step) => {
      try {
        step();
        return [];
      } catch (error) {
        log.warn({ err: error, endpoint: managed.key }, 'an endpoint is removed, but for a part of it');
        return [(error as Error).message];
      }
    });
  }

  setUserLabels(id: number, labels: readonly string[]): void {
    this.#options.manager.change(this.#find(id), { userLabels: makeLabels(labels.map(parseLabel)) });
  }

  setAudit(id: number, audit: boolean): void {
    this.#options.manager.change(this.#find(id), { audit });
  }

  async #create(request: EndpointRequest, link: Link): Promise<number> {
    const { manager, netlink, identities, facts, log } = this.#options;
    const { containerId = '', pod = { namespace: '', name: '' }, isExternalIpam: chained = false } = request;
    refuseLabelsOfPods(request, request.pod !== undefined);
    const addresses = this.#addressesOf(request);
    if (request.mac === undefined && !chained) throw invalid("mac is missing: that of its interface's other end");
    const macs = { pod: request.mac ?? noMac, host: request.hostMac ?? link.mac ?? noMac };
    // Named by the node's end: what it is called in the container nobody says.
    const attachment = { containerId, ifname: link.name };
    const id = this.#takeId(request.id);
    const undo: Undo = [() => manager.forget(id)];
    try {
      const names = { pod: { uid: '', ...pod }, external: { ...namesOf(request), labels: labelsOf(request) ?? [] } };
      const known = facts.find(names);
      const identity = known === undefined ? undefined : await identities.allocateWithin(known.labels, patience);
      // Late: a loan that expires meanwhile is none.
      if (!chained) this.#redeem(request, attachment, undo);
      const endpoint: Endpoint = {
        ...attachment,
        ...names,
        ...{ id, netns: '', hostInterface: link.name, hostIfindex: link.index, addresses, macs, chained },
        ...{ labels: known?.labels ?? [], namedPorts: known?.namedPorts ?? [], created: Date.now() },
        ...(identity === undefined ? {} : { identity }),
        state: identity === undefined ? 'waiting-for-identity' : 'ready',
      };
      const made: PodInterface = {
        ...{ ...attachment, hostInterface: link.name, hostIndex: link.index, hostMac: macs.host, podMac: macs.pod },
        ...{ podIndex: link.peer ?? 0, mtu: link.mtu },
        addresses: [addresses.ipv4, addresses.ipv6].filter((one) => one !== undefined),
      };
      manager.record(endpoint);
      const managed = manager.place(endpoint, made, known);
      undo.push(() => this.#cutOff(managed));
      if (!chained) {
        setUpNode(netlink, made);
        const gateway = this.#options.gateway6();
        if (addresses.ipv6 !== undefined && gateway !== undefined) answerForGateway(netlink, made, gateway);
      }
      return id;
    } catch (error) {
      const said = 'an endpoint that is refused leaves something';
      undoAll(undo, (fault) => log.warn({ err: fault, endpoint: attachmentKey(attachment) }, said));
      throw error;
    }
  }

  /** Without policy and without programs: what its interface does from here on is its maker's matter. */
  #cutOff(managed: ManagedEndpoint): void {
    const { manager } = this.#options;
    manager.remove(managed);
    manager.detach(managed.endpoint.hostIfindex);
  }

  /** A request that is refused, here or later, leaves the loans as they were. */
  #redeem(request: EndpointRequest, attachment: AttachmentRef, undo: Undo): void {
    const { loans } = this.#options;
    const { pod } = request;
    const key = attachmentKey(attachment);
    const description = pod === undefined ? attachment.ifname : `${pod.namespace}/${pod.name}`;
    for (const family of ['ipv4', 'ipv6'] as const) {
      const wanted = request[family];
      if (wanted === undefined) continue;
      try {
        undo.push(loans.redeem(wanted.address, key, description, wanted.expirationId));
      } catch (error) {
        if (!(error instanceof Fault) || error.code === 'IPAM_RECORD') throw error;
        throw invalid(`addressing.${family}: ${error.message}`, error.hint);
      }
    }
  }

  #addressesOf({ ipv4, ipv6 }: EndpointRequest): EndpointAddresses {
    const { families } = this.#options;
    if (ipv4 === undefined && ipv6 === undefined)
      throw invalid('addressing is missing: an address of one family at least');
    if (ipv4 !== undefined && !families.includes(4)) throw invalid('addressing.ipv4: this node has no IPv4');
    if (ipv6 !== undefined && !families.includes(6)) throw invalid('addressing.ipv6: this node has no IPv6');
    return {
      ...(ipv4 === undefined ? {} : { ipv4: ipv4.address }),
      ...(ipv6 === undefined ? {} : { ipv6: ipv6.address }),
    };
  }

  /** The interface that a request names, if it names one. */
  #linkOf({ interfaceName, interfaceIndex }: EndpointRequest): Link | undefined {
    if (interfaceName === undefined && interfaceIndex === undefined) return undefined;
    const [field, which] =
      interfaceName === undefined
        ? (['interface-index', interfaceIndex as number] as const)
        : (['interface-name', interfaceName] as const);
    const link = this.#options.netlink.links.find(which);
    if (link === undefined) throw invalid(`${field} is ${which}: this node has no such interface`);
    if (interfaceIndex !== undefined && link.index !== interfaceIndex)
      throw invalid(`interface-index is ${interfaceIndex}: ${link.name} is ${link.index}`);
    return link;
  }

  /** Programs for a pod on the node's way out would cut it off. */
  #refuseNodeDevice({ name, index, kind }: Link): void {
    const field = `interface-name is ${name}`;
    if (kind !== 'veth') throw invalid(`${field}: it is ${kind ?? 'a device'}; the node's end of a veth is needed`);
    if (isHostInterface(name)) throw invalid(`${field}: it is one of the CNI plugin sluice-cni`);
    if (this.#options.devices().uplinks.some((uplink) => uplink.index === index))
      throw invalid(`${field}: it is the node's own way out`);
  }

  #refuseTaken({ containerId }: EndpointRequest, link: Link): void {
    for (const { endpoint } of this.#options.manager.values()) {
      if (endpoint.hostIfindex === link.index)
        throw new Fault('ENDPOINT_EXISTS', `interface-name is ${link.name}: it is that of endpoint ${endpoint.id}`);
      if (containerId && endpoint.containerId === containerId)
        throw new Fault('ENDPOINT_EXISTS', `container-id is ${containerId}: it is that of endpoint ${endpoint.id}`);
    }
  }

  #takeId(wanted: number): number {
    const { manager } = this.#options;
    if (wanted === 0) {
      const id = manager.allocateId();
      if (id === undefined) throw new Fault('ENDPOINT_IDS_EXHAUSTED', 'all 65535 ids of endpoints are in use');
      return id;
    }
    if (!manager.claimId(wanted)) throw new Fault('ENDPOINT_EXISTS', `there is an endpoint ${wanted}`);
    return wanted;
  }

  #find(id: number): ManagedEndpoint {
    const managed = this.#options.manager.byId(id);
    if (managed === undefined) throw invalid(`endpoint ${id} is the node itself: it stays as it is`);
    return managed;
  }

  #external(id: number): ManagedEndpoint {
    const managed = this.#find(id);
    if (managed.endpoint.external !== undefined) return managed;
    throw invalid(
      `endpoint ${id} is one of the CNI plugin sluice-cni, which alone changes and removes it: delete its pod`,
    );
  }
}

function invalid(message: string, hint?: string): Fault {
  return new Fault('ENDPOINT_INVALID', message, hint === undefined ? {} : { hint });
}

/** A pod's identity is made of what its object says. */
function refuseLabelsOfPods({ labels = [] }: EndpointRequest, isPod: boolean): void {
  if (isPod && labels.length > 0) throw invalid('labels are those of its Pod where there is k8s-pod-name');
}

function labelsOf({ labels }: EndpointRequest) {
  return labels === undefined ? undefined : makeLabels(labels.map(parseLabel));
}

function namesOf({ containerName, dockerEndpointId, dockerNetworkId }: EndpointRequest) {
  return {
    ...(containerName === undefined ? {} : { containerName }),
    ...(dockerEndpointId === undefined ? {} : { dockerEndpointId }),
    ...(dockerNetworkId === undefined ? {} : { dockerNetworkId }),
  };
}
