/**
 * `cilium.io/v2`: CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy, in one shape for ingress and egress, allow and deny.
 * Lists keep the order and the length of what was written, so that `ingress[0].toPorts[1]` names a rule to its author.
 */
import type { KubeObject } from './object.ts';

/** One condition on the labels of an endpoint, a node or a Service. `matchLabels` is `In` with one value. */
export interface LabelRequirement {
  /** Where the label comes from: `k8s`, `reserved`, `cidr`, `container`, ...; `any` where none was written, for all of them. */
  readonly source: string;
  /** Without the source: `app`, `io.kubernetes.pod.namespace`. */
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  /** Sorted, each once; empty with `Exists` and `DoesNotExist`. */
  readonly values: readonly string[];
}

/**
 * All must hold; an empty list holds for everything. Sorted by key, source, operator and values, so that selectors that say
 * the same are mostly equal. As written: that a CiliumNetworkPolicy's selectors are limited to its own namespace is not in here.
 */
export type EndpointSelector = readonly LabelRequirement[];

export const entityNames = [
  'all',
  'world',
  'world-ipv4',
  'world-ipv6',
  'cluster',
  'host',
  'remote-node',
  'kube-apiserver',
  'ingress',
  'init',
  'health',
  'unmanaged',
  'none',
] as const;
export type Entity = (typeof entityNames)[number];

/** Networks are canonical: `10.0.0.0/8`, `2001:db8::/32`; addresses are `/32` and `/128`. */
export type CidrPeer =
  | { readonly cidr: string; readonly except: readonly string[] }
  /** All networks of a CiliumCIDRGroup, but for those in `except`. */
  | { readonly cidrGroupRef: string; readonly except: readonly string[] };

export type ServicePeer =
  /** `namespace` is the policy's own where none was written, and `default` in a clusterwide policy. */
  | { readonly name: string; readonly namespace: string }
  /** By labels, in one namespace, or in all where it is absent. */
  | { readonly selector: EndpointSelector; readonly namespace?: string };

/** Lower case, without the final dot; one of the two. */
export type FqdnSelector = { readonly matchName: string } | { readonly matchPattern: string };

export interface AwsGroup {
  readonly labels: Readonly<Record<string, string>>;
  readonly region?: string;
  readonly securityGroupsIds: readonly string[];
  readonly securityGroupsNames: readonly string[];
}

/** The other side of the traffic: `from*` in ingress, `to*` in egress. An empty list is nobody. */
export type Peers =
  | { readonly kind: 'endpoints'; readonly selectors: readonly EndpointSelector[] }
  /** `fromCIDR` and `fromCIDRSet`, and so for egress. */
  | { readonly kind: 'cidrs'; readonly cidrs: readonly CidrPeer[] }
  | { readonly kind: 'entities'; readonly entities: readonly Entity[] }
  /** Selectors of Nodes. */
  | { readonly kind: 'nodes'; readonly selectors: readonly EndpointSelector[] }
  /** Egress alone. */
  | { readonly kind: 'services'; readonly services: readonly ServicePeer[] }
  /** Egress that allows alone. */
  | { readonly kind: 'fqdns'; readonly fqdns: readonly FqdnSelector[] }
  | { readonly kind: 'groups'; readonly groups: readonly { readonly aws?: AwsGroup }[] };

export interface PolicyPort {
  /** A number (0: all ports), or the name of a port of the receiving endpoint's containers, in lower case. */
  readonly port: number | string;
  /** The last port of a range that begins with the number `port`; it is not less. */
  readonly endPort?: number;
  /** `ANY` where none was written: TCP, UDP and SCTP. */
  readonly protocol: 'TCP' | 'UDP' | 'SCTP' | 'ANY';
}

export interface HttpRule {
  /** Regular expressions (RE2) on the whole of the value; absent: any. */
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  /** `Name` (it must be there) or `Name: value`. */
  readonly headers: readonly string[];
  readonly headerMatches: readonly {
    readonly name: string;
    readonly value?: string;
    readonly secret?: { readonly namespace?: string; readonly name: string };
    /** What is done on a mismatch, instead of a refusal. */
    readonly mismatch?: 'LOG' | 'ADD' | 'DELETE' | 'REPLACE';
  }[];
}

export interface KafkaRule {
  readonly role?: 'produce' | 'consume';
  readonly apiKey?: string;
  readonly apiVersion?: string;
  readonly clientID?: string;
  readonly topic?: string;
}

/** An empty list allows every request of the protocol that it names, which is then seen. */
export type L7Rules =
  | { readonly kind: 'http'; readonly http: readonly HttpRule[] }
  | { readonly kind: 'kafka'; readonly kafka: readonly KafkaRule[] }
  | { readonly kind: 'dns'; readonly dns: readonly FqdnSelector[] }
  | { readonly kind: 'l7'; readonly l7proto: string; readonly l7: readonly Readonly<Record<string, string>>[] };

export interface TlsContext {
  readonly secret: { readonly namespace?: string; readonly name: string };
  readonly trustedCA?: string;
  readonly certificate?: string;
  readonly privateKey?: string;
}

/** One element of `toPorts`. */
export interface PortRule {
  /** Empty: no port at all, as in Cilium (the author is warned). */
  readonly ports: readonly PolicyPort[];
  readonly rules?: L7Rules;
  readonly terminatingTLS?: TlsContext;
  readonly originatingTLS?: TlsContext;
  /** SNI; empty: any. */
  readonly serverNames: readonly string[];
  /** Traffic is handed to this listener of a CiliumEnvoyConfig. */
  readonly listener?: {
    readonly envoyConfig: {
      readonly kind: 'CiliumEnvoyConfig' | 'CiliumClusterwideEnvoyConfig';
      readonly name: string;
    };
    readonly name: string;
    readonly priority?: number;
  };
}

/** `type` of ICMP (RFC 792) or ICMPv6 (RFC 4443); names are resolved. */
export interface IcmpField {
  readonly family: 'IPv4' | 'IPv6';
  readonly type: number;
}

/** One element of `ingress`, `ingressDeny`, `egress` or `egressDeny`. All of it must hold; `{}` is in force for nothing but default deny. */
export interface TrafficRule {
  /** Absent where no L3 member was written: with `toPorts` or `icmps` everybody, without them nobody. */
  readonly peers?: Peers;
  /** `fromRequires` and `toRequires`: each must hold for every endpoint that any rule of the direction allows. */
  readonly requires: readonly EndpointSelector[];
  /** Empty: all ports, and with `icmps` empty too all of IP. */
  readonly toPorts: readonly PortRule[];
  /** In the place of `toPorts`: only these ICMP types. Flattened `icmps[].fields[]`. */
  readonly icmps: readonly IcmpField[];
  readonly authentication?: 'disabled' | 'required' | 'test-always-fail';
}

export interface RuleLabel {
  /** `unspec` where none was written. */
  readonly source: string;
  readonly key: string;
  readonly value: string;
}

/** What is selected, and what may come in and go out. */
export interface PolicyRule {
  /** Where it stands in the object: `spec`, or `specs[1]`. */
  readonly field: string;
  /** Endpoints (pods), or nodes: a host policy. */
  readonly subject: { readonly kind: 'endpoints' | 'nodes'; readonly selector: EndpointSelector };
  readonly description?: string;
  readonly labels: readonly RuleLabel[];
  readonly ingress: readonly TrafficRule[];
  readonly ingressDeny: readonly TrafficRule[];
  readonly egress: readonly TrafficRule[];
  readonly egressDeny: readonly TrafficRule[];
  /** Whether the subjects are put into default deny in a direction; unset: where there is a rule of that direction, also a denying one. */
  readonly enableDefaultDeny: { readonly ingress?: boolean; readonly egress?: boolean };
}

/** `rules` are `spec`, then `specs`. */
export interface CiliumNetworkPolicy extends KubeObject {
  readonly kind: 'CiliumNetworkPolicy';
  readonly rules: readonly PolicyRule[];
}

export interface CiliumClusterwideNetworkPolicy extends KubeObject {
  readonly kind: 'CiliumClusterwideNetworkPolicy';
  readonly rules: readonly PolicyRule[];
}

/**
 * One rule that an agent was given through its own API, and that no object holds. Its selectors mean what they say: they need not be about
 * pods, and an empty one is everybody.
 */
export interface LocalPolicy extends KubeObject {
  readonly kind: 'LocalPolicy';
  readonly rules: readonly [PolicyRule];
}

/** `cilium.io/v2alpha1` (and v2 later): networks that policies refer to by name. Canonical, each once. */
export interface CiliumCIDRGroup extends KubeObject {
  readonly kind: 'CiliumCIDRGroup';
  readonly externalCIDRs: readonly string[];
}
