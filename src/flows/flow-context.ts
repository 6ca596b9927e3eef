/** What a node knows about the numbers in events. Undefined for what it does not know (any more). */
export interface FlowContext {
  labels(identity: number): readonly string[] | undefined;
  /** Who has an address (as `formatIp` writes it): a pod of the cluster, an endpoint of this node. */
  address(ip: string): AddressOwner | undefined;
  /** `shop/web ingress[0].toPorts[1]`, also of rules that went a moment ago. */
  rule(number: number): string | undefined;
  /** The rules that put an endpoint of this node into default deny. */
  defaultDenyBy(endpoint: number, direction: 'ingress' | 'egress'): readonly string[];
  /** Name of a network device. */
  interface(index: number): string | undefined;
}

export interface AddressOwner {
  readonly pod?: { readonly namespace: string; readonly name: string };
  readonly endpoint?: number;
}
