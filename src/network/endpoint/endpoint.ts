import type { EndpointState } from '../../api/index.ts';
import type { Labels } from '../identity/index.ts';

/**
 * One network attachment of a container on this node: what the CNI plugin was asked for, what was given, and how far it has
 * come. Its states are those of CiliumEndpoint's `status.state`, so that tools made for it read ours.
 */
export interface Endpoint {
  /** 1 to 65535, of this node; given out anew only when the one who had it is gone. */
  readonly id: number;
  /** As the container runtime names the sandbox; with `ifname` it names the attachment (CNI spec 1.1, section 2). */
  readonly containerId: string;
  /** In the container: `eth0`. */
  readonly ifname: string;
  /** Path of the network namespace; empty for the host's own endpoint. */
  readonly netns: string;
  /** Name of the host's end; in chaining mode what the other plugin made. */
  readonly hostInterface: string;
  /** Index of the host's end, by which programs find the endpoint; it dies with the machine, so it is looked up at a restart. */
  readonly hostIfindex: number;
  readonly addresses: EndpointAddresses;
  readonly macs: EndpointMacs;
  readonly pod: PodRef;
  /** Set up by another plugin, whose interface and addresses these are: they are not ours to remove. */
  readonly chained: boolean;
  /** Those that make up the identity. Empty until the pod's object is known. */
  readonly labels: Labels;
  /** Numeric identity of the labels; absent while it is being waited for: until then nothing passes but what `init` may. */
  readonly identity?: number;
  /** Ports of the pod's containers that have names, for policies that use them. */
  readonly namedPorts: readonly NamedPort[];
  readonly state: EndpointState;
  /** ms since the epoch. */
  readonly created: number;
  /** Labels that people gave it through the API, besides those of its pod or of its maker; a part of its identity. */
  readonly userLabels?: Labels;
  /** Whether policy is told for it, and not enforced; absent: as on the whole node. */
  readonly audit?: boolean;
  /** Made by somebody through the API, whose interface it is; absent: by our CNI plugin. */
  readonly external?: ExternalEndpoint;
}

/** What its maker said of an endpoint. */
export interface ExternalEndpoint {
  /** Those that it has where it is no pod. */
  readonly labels: Labels;
  readonly containerName?: string;
  readonly dockerEndpointId?: string;
  readonly dockerNetworkId?: string;
}

/** At least one. As `formatIp` writes them, without a prefix length. */
export interface EndpointAddresses {
  readonly ipv4?: string;
  readonly ipv6?: string;
}

/** `02:ab:...`, lower case. */
export interface EndpointMacs {
  /** Of the interface in the container. */
  readonly pod: string;
  /** Of the host's end, which is the pod's gateway. */
  readonly host: string;
}

/** The Pod that an endpoint belongs to; `uid` is empty where the runtime does not say it. */
export interface PodRef {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface NamedPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
}

/** What names an attachment: the same in CNI's ADD, CHECK and DEL. */
export type AttachmentRef = Pick<Endpoint, 'containerId' | 'ifname'>;

/** The key of tables of endpoints. */
export function attachmentKey({ containerId, ifname }: AttachmentRef): string {
  return `${containerId}/${ifname}`;
}
