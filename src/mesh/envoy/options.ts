import type { AccessLogOptions, TracingOptions } from './observability.ts';
import type { LayoutOptions } from './route-layout.ts';

/** What is the same for all that is encoded. */
export interface EncodeOptions extends LayoutOptions {
  /** The system's certificate authorities, PEM, as Envoy's process sees the file. */
  readonly systemAuthorities: string;
  readonly tracing?: TracingOptions;
  readonly accessLog?: AccessLogOptions;
  /** Envoy counts requests by cluster, as its statistics are all kept (`--envoy-stats full`). */
  readonly clusterStats?: boolean;
}

export const defaultEncodeOptions: EncodeOptions = {
  bucketThreshold: 256,
  buckets: [256, 2048],
  systemAuthorities: '/etc/ssl/certs/ca-certificates.crt',
};
