/** A node of the cluster, as the datapath knows it. */
export interface NodeView {
  readonly name: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  /** Pod CIDRs. */
  readonly ipv4Ranges: readonly string[];
  readonly ipv6Ranges: readonly string[];
  /** All its addresses, the primary ones included. */
  readonly addresses: readonly { readonly type: string; readonly ip: string }[];
}

export type ComponentState = 'Ok' | 'Warning' | 'Failure' | 'Disabled';

export interface HealthView {
  /** Ok while everything that a pod needs works. */
  readonly state: ComponentState;
  /** What is wrong, as sentences; empty for Ok. */
  readonly problems: readonly string[];
  readonly kubernetes: { readonly state: ComponentState; readonly message: string; readonly apis: readonly string[] };
  readonly hostFirewall: boolean;
  /** Devices that programs are attached to, without those of pods. */
  readonly devices: readonly string[];
  readonly routing: 'direct' | 'vxlan';
  /** By redirection between devices, or through the stack alone. */
  readonly hostRouting: 'BPF' | 'Legacy';
  readonly chaining: 'none' | 'aws-cni' | 'flannel' | 'generic-veth' | 'portmap';
  readonly monitor: MonitorView;
  readonly controllers: readonly ControllerView[];
}

export interface MonitorView {
  readonly cpus: number;
  /** Of the ring buffer. */
  readonly pages: number;
  /** bytes */
  readonly pageSize: number;
  /** Events that found the ring full, exactly. */
  readonly lost: number;
  /** Records of a type that this version does not know. */
  readonly unknown: number;
}

/** A loop that brings something to its desired state: a map, the routes, an object in the API server. */
export interface ControllerView {
  readonly name: string;
  readonly successes: number;
  readonly failures: number;
  readonly consecutiveFailures: number;
  /** ms since the epoch */
  readonly lastSuccess?: number;
  readonly lastFailure?: number;
  readonly lastError?: string;
}
