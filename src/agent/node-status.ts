import type { Diagnostic } from '../api/index.ts';
import type { SourceStats } from '../sources/source.ts';
import type { StreamStatus } from '../xds/status.ts';

/** What `/v1/status` answers and `sluice status` shows. */
export interface NodeStatus {
  readonly version: string;
  readonly pid: number;
  /** Seconds. */
  readonly uptime: number;
  readonly envoy: {
    readonly state: string;
    readonly version: string;
    readonly pid: number | undefined;
    readonly restarts: number;
  };
  readonly sources: readonly { readonly paths: readonly string[]; readonly stats: SourceStats }[];
  /** By kind; kinds without objects are left out. */
  readonly objects: Readonly<Record<string, number>>;
  readonly xds: readonly StreamStatus[];
  readonly diagnostics: readonly Diagnostic[];
  /** What is not as it should be, by part: `envoy`, `xds`, `objects`. Empty: all is well. */
  readonly problems: readonly string[];
}

/** What a status is made of. */
export interface NodeFacts extends Pick<NodeStatus, 'version' | 'sources' | 'objects' | 'xds' | 'diagnostics'> {
  /** ms since the epoch. */
  readonly started: number;
  readonly envoy: Omit<NodeStatus['envoy'], 'version'>;
}

export function nodeStatus({ started, envoy, ...facts }: NodeFacts): NodeStatus {
  const { version, sources, objects, xds, diagnostics } = facts;
  return {
    version,
    pid: process.pid,
    uptime: (Date.now() - started) / 1000,
    envoy: {
      state: envoy.state,
      version: xds[0]?.envoyVersion ?? '',
      pid: envoy.pid,
      restarts: envoy.restarts,
    },
    sources,
    objects,
    xds,
    diagnostics,
    problems: [
      ...(envoy.state === 'ready' ? [] : ['envoy']),
      ...(xds.length > 0 ? [] : ['xds']),
      ...(diagnostics.some((diagnostic) => diagnostic.severity === 'error') ? ['objects'] : []),
    ],
  };
}
