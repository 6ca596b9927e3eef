import type { ObjectRef } from '../../api/object.ts';
import type { HeaderChanges } from './http-route.ts';
import type { DownstreamTls } from './tls.ts';

/** TCP keep-alive on accepted connections (Ingress annotations `io.cilium/tcp-keep-alive*`). Seconds. */
export interface KeepAlive {
  readonly idle: number;
  readonly interval: number;
  readonly probes: number;
}

export interface Bind {
  /** IPv4 or IPv6 literal. */
  readonly address: string;
  readonly port: number;
  readonly transport: 'tcp' | 'udp';
  /** The address need not be there (yet): it comes to this host when something is to be served on it. */
  readonly freebind?: true;
}

/** Requests are matched in a route table. */
export interface HttpChain {
  readonly type: 'http';
  readonly table: string;
  /** The port that clients see, for redirects without one; default: the bind's. */
  readonly publicPort?: number;
  /** Added to every request (e.g. client certificate details); values are literal. */
  readonly requestHeaders?: HeaderChanges;
  /** How many proxies before us are trusted to set X-Forwarded-For. Default 0: our peer is the client. */
  readonly trustedHops?: number;
  /** ms; default none. */
  readonly requestTimeoutMs?: number;
}

/** Bytes are passed on: TCP and UDP routes, TLS passthrough, TLS terminated for TCP. No backend: connections are closed. */
export interface StreamChain {
  readonly type: 'stream';
  /** Names of backends, with weights; a missing one is `undefined`. */
  readonly backends: readonly { readonly backend: string | undefined; readonly weight: number }[];
}

/** One way through a listener. Chosen by SNI: exact before `*.suffix` before none. */
export interface FilterChain {
  /** Unique in its listener and stable: Envoy drains only the chains that changed. */
  readonly name: string;
  /** SNI; empty: any (and none). Only on TLS chains and TLS passthrough. */
  readonly serverNames: readonly string[];
  /** Terminate TLS. Absent with serverNames: passthrough. */
  readonly tls?: DownstreamTls;
  readonly handler: HttpChain | StreamChain;
}

/** One address and port. */
export interface Listener {
  /** Envoy's name for it, and the table's key: unique and stable. */
  readonly name: string;
  readonly bind: Bind;
  /** At least one; at most one without serverNames among TLS chains, and just one if nothing is TLS. */
  readonly chains: readonly FilterChain[];
  readonly keepAlive?: KeepAlive;
  readonly proxyProtocol?: boolean;
  readonly origins: readonly ObjectRef[];
}
