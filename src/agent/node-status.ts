import type { Diagnostic } from '../api/index.ts';
import type { KindStats, SourceStats } from '../sources/index.ts';
import type { StreamStatus } from '../xds/status.ts';
import type { LocalAddressesState } from './cluster/local-addresses.ts';
import type { PartState } from './parts/parts.ts';

/** What `/v1/status` answers and `sluice status` shows. */
export interface NodeStatus {
  readonly version: string;
  /** The Node of the cluster, if it is one of a cluster. */
  readonly node?: string;
  readonly pid: number;
  /** Seconds. */
  readonly uptime: number;
  readonly envoy: {
    readonly state: string;
    readonly version: string;
    readonly pid: number | undefined;
    readonly restarts: number;
  };
  readonly sources: readonly {
    readonly paths: readonly string[];
    readonly stats: SourceStats;
    /** Of an API server. */
    readonly kinds?: readonly KindStats[];
  }[];
  /** By kind; kinds without objects are left out. */
  readonly objects: Readonly<Record<string, number>>;
  readonly xds: readonly StreamStatus[];
  readonly diagnostics: readonly Diagnostic[];
  /** Which parts of the process have started; of an agent of a cluster. */
  readonly parts?: Readonly<Record<string, PartState>>;
  /** Of load balancers; of an agent of a cluster. */
  readonly addresses?: LocalAddressesState;
  /** What is not as it should be, by part: `envoy`, `xds`, `source`, `addresses`, `objects`. Empty: all is well. */
  readonly problems: readonly string[];
}

/** What a status is made of. */
export interface NodeFacts extends Omit<NodeStatus, 'pid' | 'uptime' | 'envoy' | 'problems'> {
  /** ms since the epoch. */
  readonly started: number;
  readonly envoy: Omit<NodeStatus['envoy'], 'version'>;
}

export function nodeStatus({ started, envoy, ...facts }: NodeFacts): NodeStatus {
  const { sources, xds, diagnostics, addresses } = facts;
  return {
    ...facts,
    pid: process.pid,
    uptime: (Date.now() - started) / 1000,
    envoy: {
      state: envoy.state,
      version: xds[0]?.envoyVersion ?? '',
      pid: envoy.pid,
      restarts: envoy.restarts,
    },
    problems: [
      ...(envoy.state === 'ready' ? [] : ['envoy']),
      ...(xds.length > 0 ? [] : ['xds']),
      ...(sources.some(({ kinds = [] }) => kinds.some(isStuck)) ? ['source'] : []),
      ...(addresses === undefined || addresses.faults.length === 0 ? [] : ['addresses']),
      ...(diagnostics.some((diagnostic) => diagnostic.severity === 'error') ? ['objects'] : []),
    ],
  };
}

/** What it holds may be old. */
function isStuck({ state }: KindStats): boolean {
  return state === 'waiting' || state === 'ended';
}
