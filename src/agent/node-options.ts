import type { LogOptions } from '../lib/log.ts';
import type { AccessLogOptions } from '../mesh/envoy/index.ts';
import type { MeshOptions } from '../mesh/model/index.ts';
import type { DatapathOptions } from './datapath/options.ts';

/** Everything that one node in embedded mode can be told. */
export interface NodeOptions {
  readonly version: string;
  /** Folders and files of objects. */
  readonly paths: readonly string[];
  readonly stateDir: string;
  /** Absent: none of it, and no root is needed. */
  readonly datapath?: DatapathOptions;
  readonly mesh: MeshOptions;
  readonly envoy: {
    readonly stats: 'minimal' | 'full';
    /** ms */
    readonly drainTime: number;
    readonly concurrency?: number;
  };
  readonly metricsAddress?: { readonly address: string; readonly port: number };
  /** Where Envoy's JSON lines go: a file that it appends to, or our standard output. */
  readonly accessLog?: AccessLogOptions['target'];
  readonly tracing?: TracingOptions;
  /** xDS over TCP with mutual TLS, next to the Unix socket. Paths of PEM files. */
  readonly xds?: {
    readonly address: string;
    readonly port: number;
    readonly cert: string | undefined;
    readonly key: string | undefined;
    readonly ca: string | undefined;
  };
  readonly log: LogOptions;
}

export interface TracingOptions {
  /** `http://host:port` or `https://host:port`, with a path for OTLP over HTTP (default `/v1/traces`). */
  readonly endpoint: string;
  readonly protocol: 'grpc' | 'http';
  /** Percent of traces that start here. */
  readonly sampling: number;
  readonly serviceName: string;
}
