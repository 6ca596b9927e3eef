import type { ObjectRef } from '../../api/object.ts';

export type PathMatch =
  | { readonly type: 'exact'; readonly value: string }
  /** By path segment: `/a` matches `/a` and `/a/b`, not `/ab`. No trailing slash, except `/` itself. */
  | { readonly type: 'prefix'; readonly value: string }
  /** RE2, matched against the whole path. */
  | { readonly type: 'regex'; readonly value: string };

export interface ValueMatch {
  readonly name: string;
  readonly type: 'exact' | 'regex';
  readonly value: string;
}

export interface HttpMatch {
  readonly path: PathMatch;
  readonly method?: string;
  readonly headers?: readonly ValueMatch[];
  readonly query?: readonly ValueMatch[];
  /** RE2 over the whole `:authority` (port included): single-label wildcards of Ingress. */
  readonly authority?: string;
  /** gRPC requests only, told by their content type: GRPCRoutes share hosts with HTTPRoutes. */
  readonly grpc?: true;
}

/** Applied in the order remove, set, add. Values are literal text: the encoder escapes Envoy's `%`. */
export interface HeaderChanges {
  readonly set?: readonly { readonly name: string; readonly value: string }[];
  readonly add?: readonly { readonly name: string; readonly value: string }[];
  readonly remove?: readonly string[];
}

export interface WeightedBackend {
  /** A backend's name; undefined: what was referred to does not exist, and this share is answered with `missingStatus`. */
  readonly backend: string | undefined;
  readonly weight: number;
  readonly requestHeaders?: HeaderChanges;
  readonly responseHeaders?: HeaderChanges;
}

export interface Rewrite {
  readonly hostname?: string;
  readonly path?:
    | { readonly type: 'full'; readonly value: string }
    | { readonly type: 'prefix'; readonly value: string };
}

export interface Mirror {
  readonly backend: string;
  readonly numerator: number;
  readonly denominator: number;
}

export interface Retry {
  readonly attempts: number;
  /** HTTP status codes; connection failures and resets before a response are always retried. */
  readonly codes: readonly number[];
  readonly backoffMs?: number;
}

/** GEP-2257/2711 CORS. `*` in origins, methods or headers means any. */
export interface Cors {
  readonly allowOrigins: readonly string[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly allowCredentials: boolean;
  /** Seconds. */
  readonly maxAge: number;
}

/** A service is asked whether a request may go on (GEP-1494). Without an answer it may not. */
export interface ExternalAuth {
  readonly backend: string;
  /** `grpc`: Envoy's `envoy.service.auth.v3.Authorization`. `http`: 200 lets the request go on, all else is the client's answer. */
  readonly protocol: 'http' | 'grpc';
  /** What the service is addressed as; `grpc` only: over HTTP it is shown the client's host. */
  readonly authority?: string;
  /** Put before the request's path; `http` only. */
  readonly pathPrefix?: string;
  /** Request headers that it is shown. `grpc`: none named are all. `http`: besides host, method, path and authorization. */
  readonly requestHeaders: readonly string[];
  /** Headers of its answer that the backend gets; none named are all. `http` only. */
  readonly responseHeaders: readonly string[];
  /** Bytes of the body that it is shown; a longer body is refused. 0: the body is not shown. */
  readonly maxBody: number;
}

export interface SessionPersistence {
  readonly type: 'cookie' | 'header';
  readonly name: string;
  /** Cookie only: ms; absent: a session cookie. */
  readonly lifetimeMs?: number;
  readonly path?: string;
}

export interface Forward {
  readonly type: 'forward';
  /** Weights of 0 get nothing; all 0: `missingStatus`. */
  readonly backends: readonly WeightedBackend[];
  /** Answered where a backend does not exist: 500 for Gateway API, 503 for Ingress. */
  readonly missingStatus: 500 | 503;
  /** Whole request; 0 = none. Absent: none. */
  readonly timeoutMs?: number;
  /** Each try to the backend; 0 = none. In force, as `retry` is, only with backends that have `ownRetries`. */
  readonly tryTimeoutMs?: number;
  readonly retry?: Retry;
  readonly rewrite?: Rewrite;
  readonly mirrors?: readonly Mirror[];
  readonly session?: SessionPersistence;
}

export interface Redirect {
  readonly type: 'redirect';
  readonly scheme?: 'http' | 'https';
  readonly hostname?: string;
  readonly path?: Rewrite['path'];
  /** Absent: the scheme's default port if a scheme is set, else the listener's own port. Translators that know better set it. */
  readonly port?: number;
  readonly status: 301 | 302 | 303 | 307 | 308;
}

export interface Respond {
  readonly type: 'respond';
  readonly status: number;
  readonly body?: string;
}

export type HttpAction = Forward | Redirect | Respond;

/** One match and what happens then, on one host of one route table. */
export interface HttpRoute {
  /** Unique among all routes of the producing translator. */
  readonly key: string;
  /** The route table: shared by the filter chains that serve the same routes. */
  readonly table: string;
  /** `*`, `*.example.com` (any number of labels) or an exact host: lower case, no port. */
  readonly host: string;
  readonly match: HttpMatch;
  readonly action: HttpAction;
  readonly requestHeaders?: HeaderChanges;
  readonly responseHeaders?: HeaderChanges;
  readonly cors?: Cors;
  readonly externalAuth?: ExternalAuth;
  /** The first that matches wins. */
  readonly precedence: Precedence;
  /** For logs and traces: `HTTPRoute default/shop rule 0`. */
  readonly name: string;
  readonly origins: readonly ObjectRef[];
}

/** Compared field by field in this order; what comes out lower is tried first. */
export interface Precedence {
  /** How specific the host was that the user wrote, where one host here stands for several there: 0 (or absent) exact, more for wider ones. */
  readonly host?: number;
  /** 0 exact, then as the API says (Gateway API: regular expression 1, prefix 2; Ingress: prefix 1, regular expression 2). */
  readonly path: number;
  /** Length of the path value: longer first. */
  readonly length: number;
  /** Has a method match: first. */
  readonly method: boolean;
  /** Number of header matches: more first. */
  readonly headers: number;
  /** Number of query matches: more first. */
  readonly query: number;
  /** Owner's creation, ms: older first. */
  readonly created: number;
  /** Owner's `namespace/name`, alphabetically. */
  readonly owner: string;
  /** Position in the owner: rule, then match. */
  readonly rule: number;
  readonly match: number;
}

export function comparePrecedence(a: Precedence, b: Precedence): number {
  return (
    (a.host ?? 0) - (b.host ?? 0) ||
    a.path - b.path ||
    b.length - a.length ||
    Number(b.method) - Number(a.method) ||
    b.headers - a.headers ||
    b.query - a.query ||
    a.created - b.created ||
    (a.owner < b.owner ? -1 : a.owner > b.owner ? 1 : 0) ||
    a.rule - b.rule ||
    a.match - b.match
  );
}

/** Sorts after everything a user can write: catch-alls and isolation of listeners. */
export const lastPrecedence: Precedence = {
  host: Number.MAX_SAFE_INTEGER,
  path: 9,
  length: 0,
  method: false,
  headers: 0,
  query: 0,
  created: Number.MAX_SAFE_INTEGER,
  owner: '\uffff',
  rule: 0,
  match: 0,
};
