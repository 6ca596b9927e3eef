export interface IdentityView {
  readonly id: number;
  /** `source:key=value`, sorted. */
  readonly labels: readonly string[];
}

export interface IpcacheView {
  /** `10.0.0.1/32` */
  readonly prefix: string;
  readonly identity: number;
  /** The node that it is behind; none for what is not in the cluster. */
  readonly hostIp?: string;
  /** Who says so: `custom-resource`, `local`, `generated`. */
  readonly source: string;
  /** The pod that has it. */
  readonly pod?: { readonly namespace: string; readonly name: string };
}

/** What can be changed while the agent runs. */
export interface RuntimeConfig {
  readonly policyEnforcement: 'default' | 'always' | 'never';
  readonly audit: boolean;
  /** Which events the programs make, besides those of drops. */
  readonly traceEvents: boolean;
  readonly verdictEvents: boolean;
  /** Trace events of one connection: the first packet, those with one of the TCP flags, and one in this many ms; 0: all. */
  readonly aggregationInterval: number;
  /** Bits as in the TCP header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32. */
  readonly aggregationFlags: number;
}

/** What is decided at start. */
export interface FixedConfig {
  /** bytes; of the pods' devices, and of routes between nodes */
  readonly deviceMtu: number;
  readonly routeMtu: number;
  readonly ipamMode: string;
  readonly kubernetesEndpoint?: string;
  /** The flags in force, by name. */
  readonly flags: Readonly<Record<string, string>>;
}

/** An open map. */
export interface MapView {
  readonly name: string;
  /** Where it is pinned. */
  readonly path: string;
  readonly maxEntries: number;
  /** Entries that could not be brought in, with the last reason of each. */
  readonly errors: number;
  /** False where only the kernel writes it (connections, fragments): such maps are large, and not in the list of all maps' contents. */
  readonly desired: boolean;
  /** What the kernel holds now, and what should be there and is not. Values are plain data for printing. */
  entries(): Iterable<MapEntryView>;
}

export interface MapEntryView {
  readonly key: unknown;
  readonly value: unknown;
  /** What still has to be done to it. */
  readonly pending?: 'insert' | 'delete';
  readonly error?: string;
}

export interface AllocatedView {
  readonly ipv4?: string;
  readonly ipv6?: string;
  /** Where they are given back after a while, unless an endpoint that is made names it. */
  readonly expirationId?: string;
}

export interface IpamView {
  readonly mode: string;
  /** That the node is to have, whether or not there are ranges yet. */
  readonly families: readonly ('ipv4' | 'ipv6')[];
  readonly ipv4Ranges: readonly string[];
  readonly ipv6Ranges: readonly string[];
  /** address -> owner (`namespace/pod`, or what asked for it) */
  allocations(): Iterable<readonly [address: string, owner: string]>;
  /** How many addresses there are at all, by family. */
  readonly capacity: { readonly ipv4: bigint; readonly ipv6: bigint };
  /** New ones with each call, whatever the owner: that is a name for people. @throws Fault IPAM_EXHAUSTED and others */
  allocate(owner: string, families: readonly ('ipv4' | 'ipv6')[], expiring: boolean): Promise<AllocatedView>;
  /** One given address. @throws Fault IPAM_IN_USE where another owner has it, IPAM_OUT_OF_RANGE */
  claim(address: string, owner: string): void;
  /**
   * One address, or all that the name of an owner has. False where nobody has it.
   * @throws Fault IPAM_IN_USE where an endpoint has it
   */
  release(addressOrOwner: string): boolean;
}
