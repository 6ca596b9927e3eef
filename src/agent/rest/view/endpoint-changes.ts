/** What a tool says of an endpoint that it makes or changes: an EndpointChangeRequest, checked as far as it can be without the node. */
export interface EndpointRequest {
  /** 0: any that is free. */
  readonly id: number;
  readonly containerId?: string;
  readonly containerName?: string;
  readonly dockerEndpointId?: string;
  readonly dockerNetworkId?: string;
  /** `source:key=value`; none of source `reserved`. */
  readonly labels?: readonly string[];
  /** Of the node's end of its interface. */
  readonly interfaceName?: string;
  readonly interfaceIndex?: number;
  /** Of the other end. */
  readonly mac?: string;
  readonly hostMac?: string;
  readonly ipv4?: RequestedAddress;
  readonly ipv6?: RequestedAddress;
  readonly pod?: { readonly namespace: string; readonly name: string };
  /** Its addresses are not the node's to give, nor to take back, and its routes its maker's. */
  readonly isExternalIpam?: boolean;
}

export interface RequestedAddress {
  readonly address: string;
  /** Of the loan that ends so. */
  readonly expirationId?: string;
}

/**
 * Changes of this node's endpoints. All of them @throws Fault ENDPOINT_INVALID with the field that is wrong, ENDPOINT_EXISTS, those of the
 * IPAM, and of the kernel; what throws has changed nothing.
 */
export interface EndpointChangesView {
  /** Of an interface that is there. Its policy is in force when it resolves, with its id. */
  create(request: EndpointRequest): Promise<number>;
  /** What the request says; the rest stays. Of one that was created so. */
  change(id: number, request: EndpointRequest): void;
  /** Of one that was created so; its interface stays its maker's. What could not be taken back with it, a sentence each: it is logged. */
  remove(id: number): readonly string[];
  /** Labels that people give it besides its own, in place of those that they gave before. */
  setUserLabels(id: number, labels: readonly string[]): void;
  /** Undefined: as the node. */
  setAudit(id: number, audit: boolean): void;
}
