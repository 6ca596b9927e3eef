export interface NodeAddressing {
  readonly ipv4?: NodeAddressingElement;
  readonly ipv6?: NodeAddressingElement;
}

export interface NodeAddressingElement {
  readonly enabled: boolean;
  readonly ip: string;
  readonly 'alloc-range'?: string;
  readonly 'address-type'?: string;
}

export interface NodeElement {
  /** `cluster/node` */
  readonly name: string;
  readonly 'primary-address': NodeAddressing;
  readonly 'secondary-addresses': readonly NodeAddressingElement[];
}

export interface ClusterNodeStatus {
  readonly self: string;
  readonly 'client-id'?: number;
  readonly 'nodes-added': readonly NodeElement[];
  readonly 'nodes-removed': readonly NodeElement[];
}
