export interface IPListEntry {
  readonly cidr: string;
  readonly identity: number;
  readonly hostIP?: string;
  readonly metadata: { readonly source: string; readonly namespace?: string; readonly name?: string };
}

export interface Policy {
  readonly revision: number;
  /** JSON */
  readonly policy: string;
}

export interface PolicyTraceResult {
  readonly verdict: string;
  readonly log: string;
}

export interface SelectorIdentityMapping {
  readonly selector: string;
  readonly identities: readonly number[];
  readonly users: number;
}

export interface BPFMapList {
  readonly maps: readonly BPFMap[];
}

export interface BPFMap {
  /** Where it is pinned; its last part is the map's name. */
  readonly path: string;
  /** None where only the kernel writes. */
  readonly cache?: readonly BPFMapEntry[];
}

export interface BPFMapEntry {
  readonly key: string;
  readonly value: string;
  readonly 'desired-action': 'ok' | 'insert' | 'delete';
  readonly 'last-error'?: string;
}

export interface Metric {
  readonly name: string;
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
}
