/**
 * `cilium.io/v2`: what nodes tell each other: CiliumNode, CiliumEndpoint, CiliumIdentity. Read leniently, as agents of other
 * versions write them.
 */
import type { KubeObject } from './object.ts';

export type CiliumNodeAddressType = 'InternalIP' | 'ExternalIP' | 'CiliumInternalIP' | 'Hostname' | (string & {});

/** Who has an address: `owner` as `namespace/pod`, `resource` as an interface of a cloud. */
export interface IpAllocation {
  readonly owner?: string;
  readonly resource?: string;
}

/** Of a Pod CIDR in mode cluster-pool-v2beta. `released`: no address of it is used, the operator may take it back. */
export type PodCidrStatus = 'in-use' | 'depleted' | 'released';

export interface CiliumNodeIpam {
  /** Canonical networks. */
  readonly podCIDRs: readonly string[];
  readonly pool: Readonly<Record<string, IpAllocation>>;
  readonly minAllocate?: number;
  readonly maxAllocate?: number;
  readonly preAllocate?: number;
  readonly maxAboveWatermark?: number;
  /** Fewer free addresses than this, and the node wants another Pod CIDR. */
  readonly podCidrAllocationThreshold?: number;
  /** More than this, and it gives back Pod CIDRs that it does not use. */
  readonly podCidrReleaseThreshold?: number;
}

export interface AddressPair {
  readonly ipv4?: string;
  readonly ipv6?: string;
}

export interface CiliumNodeSpec {
  readonly addresses: readonly { readonly type: CiliumNodeAddressType; readonly ip: string }[];
  readonly ipam: CiliumNodeIpam;
  /** Addresses of the node's health endpoint. */
  readonly health: AddressPair;
  /** Addresses of the node's ingress listeners. */
  readonly ingress: AddressPair;
  /** 0: none. */
  readonly encryptionKey: number;
  readonly bootId?: string;
  readonly instanceId?: string;
  readonly nodeIdentity?: number;
}

export interface CiliumNodeStatus {
  readonly ipam: {
    readonly used: Readonly<Record<string, IpAllocation>>;
    /** By canonical network. */
    readonly podCIDRs: Readonly<Record<string, PodCidrStatus>>;
    readonly releaseIps: Readonly<Record<string, string>>;
    /** What the operator could not do; absent: nothing is wrong. */
    readonly operatorError?: string;
  };
}

/** Named after its Node. */
export interface CiliumNode extends KubeObject {
  readonly kind: 'CiliumNode';
  readonly spec: CiliumNodeSpec;
  readonly status: CiliumNodeStatus;
}

export const endpointStates = [
  'creating',
  'waiting-for-identity',
  'not-ready',
  'waiting-to-regenerate',
  'regenerating',
  'restoring',
  'ready',
  'disconnecting',
  'disconnected',
  'invalid',
] as const;
export type EndpointState = (typeof endpointStates)[number];

export interface NamedPort {
  readonly name: string;
  readonly port: number;
  /** Upper case. */
  readonly protocol: string;
}

export interface CiliumEndpointStatus {
  /** Of the endpoint on its node; 0 where it has none yet. */
  readonly id: number;
  readonly state?: EndpointState;
  readonly identity?: {
    readonly id: number;
    /** `source:key=value`, sorted. */
    readonly labels: readonly string[];
  };
  readonly networking?: {
    readonly addressing: readonly AddressPair[];
    /** Address of the node that the endpoint is on. */
    readonly node?: string;
  };
  readonly namedPorts: readonly NamedPort[];
  readonly encryptionKey: number;
  readonly externalIdentifiers?: {
    readonly containerId?: string;
    readonly containerName?: string;
    readonly k8sNamespace?: string;
    readonly k8sPodName?: string;
    /** `namespace/name` */
    readonly podName?: string;
    readonly cniAttachmentId?: string;
  };
}

/** Named after its Pod. */
export interface CiliumEndpoint extends KubeObject {
  readonly kind: 'CiliumEndpoint';
  readonly status: CiliumEndpointStatus;
}

/** The name is the number. */
export interface CiliumIdentity extends KubeObject {
  readonly kind: 'CiliumIdentity';
  /** `metadata.name` as a number, 1 to 2^24 - 1. */
  readonly id: number;
  /** `k8s:app` to its value. */
  readonly securityLabels: Readonly<Record<string, string>>;
}
