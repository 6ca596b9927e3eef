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
