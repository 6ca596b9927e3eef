import type { EndpointState } from '../../../api/index.ts';
import type { CountedEntryView, PolicyEntryView } from './policy-view.ts';

/** One endpoint of this node: a pod's interface, or the host. */
export interface EndpointView {
  /** Local to the node, 1 to 65535. */
  readonly id: number;
  readonly state: EndpointState;
  readonly containerId?: string;
  readonly containerName?: string;
  readonly dockerEndpointId?: string;
  readonly dockerNetworkId?: string;
  /** Name of the container's network namespace file, or of the interface inside: what the runtime called it. */
  readonly containerInterface?: string;
  readonly pod?: { readonly namespace: string; readonly name: string };
  /** Undefined until the identity of its labels is known. */
  readonly identity?: number;
  /** `source:key=value`, sorted: those that make the identity. */
  readonly labels: readonly string[];
  /** The other labels of the pod, which the label filter leaves out. */
  readonly otherLabels: readonly string[];
  /** Those that people gave it through the API, whether they are part of its identity or not. */
  readonly userLabels: readonly string[];
  readonly ipv4?: string;
  readonly ipv6?: string;
  /** Of the pod's end of the veth, `aa:bb:...`. */
  readonly mac?: string;
  readonly hostMac?: string;
  readonly hostInterface?: { readonly name: string; readonly index: number };
  readonly namedPorts: readonly NamedPortView[];
  readonly policy: EndpointPolicyView;
  /** Oldest first. */
  readonly log: readonly EndpointLogEntry[];
  /** Why it is not as it should be: the last faults, each named once. */
  readonly faults: readonly string[];
}

export interface NamedPortView {
  readonly name: string;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
}

export interface EndpointPolicyView {
  /** Revision of the rules that its map stands for. */
  readonly revision: number;
  /** True where a direction is in default deny. */
  readonly ingress: boolean;
  readonly egress: boolean;
  /** What would be denied is let through and told as audited. */
  readonly audit: boolean;
  /** What its map should hold. */
  entries(): Iterable<PolicyEntryView>;
  /** The same, with the counters of the map in the kernel, which is read for that. */
  counted(): Iterable<CountedEntryView>;
}

export interface EndpointLogEntry {
  /** ms since the epoch */
  readonly time: number;
  readonly state: EndpointState;
  readonly failed: boolean;
  readonly message: string;
}
