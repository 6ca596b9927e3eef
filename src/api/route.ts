/** Routes of the Gateway API; what `gateway.ts` says about versions and defaults holds here too. Durations are ms. */
import type { ObjectReference } from './gateway.ts';
import type { KubeObject } from './object.ts';
import type { BackendObjectReference, GrpcRouteFilter, HttpRouteFilter } from './route-filter.ts';

/** The Gateway, ListenerSet or Service that a route attaches to; kind Gateway by default. */
export interface ParentReference extends ObjectReference {
  /** A listener's name, or a Service port's. */
  readonly sectionName?: string;
  readonly port?: number;
}

export interface BackendRef extends BackendObjectReference {
  /** 0 to 1000000, 1 where unset; 0 gets no traffic. */
  readonly weight: number;
}

export interface CommonRouteSpec {
  readonly parentRefs: readonly ParentReference[];
  /** `All`: attached to default Gateways too. */
  readonly useDefaultGateways: 'All' | 'None';
}

export interface StringMatch {
  readonly type: 'Exact' | 'RegularExpression';
  readonly value: string;
}

/** `name` ignores case in headers; of several entries for one name only the first is kept (the spec says so). */
export interface NamedMatch extends StringMatch {
  readonly name: string;
}

export interface HttpPathMatch {
  readonly type: 'Exact' | 'PathPrefix' | 'RegularExpression';
  readonly value: string;
}

/** All of it must hold. */
export interface HttpRouteMatch {
  readonly path: HttpPathMatch;
  readonly headers: readonly NamedMatch[];
  readonly queryParams: readonly NamedMatch[];
  /** `GET`, `POST`, ... */
  readonly method?: string;
}

export interface SessionPersistence {
  readonly type: 'Cookie' | 'Header';
  /** The cookie's or the header's name (`sessionName` in release 1.6, `cookie.name` and `header.name` from 1.7). */
  readonly sessionName?: string;
  readonly absoluteTimeout?: number;
  /** With type Cookie. `path` is absent where release 1.6's spelling left it to us. */
  readonly cookie?: { readonly lifetimeType: 'Session' | 'Permanent'; readonly path?: string };
}

export interface HttpBackendRef extends BackendRef {
  readonly filters: readonly HttpRouteFilter[];
}

export interface HttpRouteRule {
  readonly name?: string;
  /** Never empty: `PathPrefix /` where none is given. One of them must hold. */
  readonly matches: readonly HttpRouteMatch[];
  readonly filters: readonly HttpRouteFilter[];
  readonly backendRefs: readonly HttpBackendRef[];
  /** ms; 0 means no limit, absent leaves it to us. */
  readonly timeouts?: { readonly request?: number; readonly backendRequest?: number };
  readonly retry?: {
    /** Retries after the first try; 1 where unset. */
    readonly attempts: number;
    /** Status codes to retry on. */
    readonly codes: readonly number[];
    /** ms */
    readonly backoff?: number;
  };
  readonly sessionPersistence?: SessionPersistence;
}

export interface HTTPRoute extends KubeObject {
  readonly kind: 'HTTPRoute';
  readonly spec: CommonRouteSpec & {
    /** Empty: every host of the listener. */
    readonly hostnames: readonly string[];
    readonly rules: readonly HttpRouteRule[];
  };
}

/** At least one of the two is there. */
export interface GrpcMethodMatch {
  readonly type: 'Exact' | 'RegularExpression';
  readonly service?: string;
  readonly method?: string;
}

export interface GrpcRouteMatch {
  /** Absent: every method. */
  readonly method?: GrpcMethodMatch;
  readonly headers: readonly NamedMatch[];
}

export interface GrpcBackendRef extends BackendRef {
  readonly filters: readonly GrpcRouteFilter[];
}

export interface GrpcRouteRule {
  readonly name?: string;
  /** Empty: every request. */
  readonly matches: readonly GrpcRouteMatch[];
  readonly filters: readonly GrpcRouteFilter[];
  readonly backendRefs: readonly GrpcBackendRef[];
  readonly sessionPersistence?: SessionPersistence;
}

export interface GRPCRoute extends KubeObject {
  readonly kind: 'GRPCRoute';
  readonly spec: CommonRouteSpec & { readonly hostnames: readonly string[]; readonly rules: readonly GrpcRouteRule[] };
}

/** A rule of TLSRoute, TCPRoute and UDPRoute. */
export interface L4RouteRule {
  readonly name?: string;
  readonly backendRefs: readonly BackendRef[];
}

export interface TLSRoute extends KubeObject {
  readonly kind: 'TLSRoute';
  /** `hostnames` are matched against SNI; empty in `v1alpha2` only, meaning all. */
  readonly spec: CommonRouteSpec & { readonly hostnames: readonly string[]; readonly rules: readonly L4RouteRule[] };
}

export interface TCPRoute extends KubeObject {
  readonly kind: 'TCPRoute';
  readonly spec: CommonRouteSpec & { readonly rules: readonly L4RouteRule[] };
}

export interface UDPRoute extends KubeObject {
  readonly kind: 'UDPRoute';
  readonly spec: CommonRouteSpec & { readonly rules: readonly L4RouteRule[] };
}
