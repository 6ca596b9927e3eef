import type { ObjectRef } from '../../api/object.ts';
import type { UpstreamTls } from './tls.ts';

/** One Kubernetes Service port whose endpoints a backend uses, with its share among the backend's targets. */
export interface EndpointTarget {
  /** `namespace/name` of the Service. */
  readonly service: string;
  /** Service port number. */
  readonly port: number;
  /** Relative; only meaningful with several targets (UDP routes, which Envoy can't split by itself). */
  readonly weight: number;
}

/** How a backend's addresses are found. */
export type Discovery =
  | { readonly type: 'endpoints'; readonly targets: readonly EndpointTarget[] }
  | { readonly type: 'dns'; readonly hostname: string; readonly port: number };

/** Protocol spoken to the backend. `http` is HTTP/1.1; `auto` follows ALPN (TLS only). */
export type BackendProtocol = 'http' | 'http2' | 'auto' | 'tcp' | 'udp';

/** What Envoy calls a cluster: one for each Service port and way of talking to it, however many routes use it. */
export interface Backend {
  /** Unique and stable: `namespace/name:port`, plus `+variant` where one port is spoken to in several ways. */
  readonly name: string;
  readonly discovery: Discovery;
  readonly protocol: BackendProtocol;
  readonly tls?: UpstreamTls;
  /** Same client, same endpoint (Service `sessionAffinity: ClientIP`). */
  readonly clientAffinity?: boolean;
  /** The routes that use it say how requests are tried again. */
  readonly ownRetries?: boolean;
  readonly origins: readonly ObjectRef[];
}
