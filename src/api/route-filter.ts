/** Filters of HTTPRoute and GRPCRoute: tagged unions by `type`. Exactly the field that belongs to the type is there. */
import type { LocalObjectReference, ObjectReference } from './gateway.ts';

/** A reference to a backend: kind Service by default, which needs a port. */
export interface BackendObjectReference extends ObjectReference {
  readonly port?: number;
}

export interface HttpHeader {
  readonly name: string;
  readonly value: string;
}

/** Names are unique ignoring case; applied in the order set, add, remove. */
export interface HeaderModifier {
  readonly set: readonly HttpHeader[];
  readonly add: readonly HttpHeader[];
  readonly remove: readonly string[];
}

export type PathModifier =
  | { readonly type: 'ReplaceFullPath'; readonly replaceFullPath: string }
  | { readonly type: 'ReplacePrefixMatch'; readonly replacePrefixMatch: string };

export interface RequestHeaderModifierFilter {
  readonly type: 'RequestHeaderModifier';
  readonly requestHeaderModifier: HeaderModifier;
}

export interface ResponseHeaderModifierFilter {
  readonly type: 'ResponseHeaderModifier';
  readonly responseHeaderModifier: HeaderModifier;
}

export interface RequestMirrorFilter {
  readonly type: 'RequestMirror';
  readonly requestMirror: {
    readonly backendRef: BackendObjectReference;
    /** `percent` and `fraction` as one; 100/100 where neither is given. */
    readonly fraction: { readonly numerator: number; readonly denominator: number };
  };
}

export interface RequestRedirectFilter {
  readonly type: 'RequestRedirect';
  readonly requestRedirect: {
    /** As the request where absent. */
    readonly scheme?: 'http' | 'https';
    readonly hostname?: string;
    readonly path?: PathModifier;
    /** Absent: the port that suits `scheme`, else the listener's. */
    readonly port?: number;
    readonly statusCode: 301 | 302 | 303 | 307 | 308;
  };
}

export interface UrlRewriteFilter {
  readonly type: 'URLRewrite';
  readonly urlRewrite: { readonly hostname?: string; readonly path?: PathModifier };
}

export interface CorsFilter {
  readonly type: 'CORS';
  readonly cors: {
    /** `*`, `https://*.example.com`, or an exact origin. */
    readonly allowOrigins: readonly string[];
    readonly allowMethods: readonly string[];
    readonly allowHeaders: readonly string[];
    readonly exposeHeaders: readonly string[];
    readonly allowCredentials: boolean;
    /** Seconds; 5 where unset. */
    readonly maxAge: number;
  };
}

export interface ExternalAuthFilter {
  readonly type: 'ExternalAuth';
  readonly externalAuth: {
    readonly protocol: 'HTTP' | 'GRPC';
    readonly backendRef: BackendObjectReference;
    /** With protocol GRPC. Headers to send on; empty means all. */
    readonly grpc?: { readonly allowedHeaders: readonly string[] };
    /** With protocol HTTP. `path` is a prefix of the request's path. */
    readonly http?: {
      readonly path?: string;
      readonly allowedHeaders: readonly string[];
      readonly allowedResponseHeaders: readonly string[];
    };
    /** Bytes of the body to send on; absent or 0: none. */
    readonly forwardBody?: { readonly maxSize: number };
  };
}

export interface ExtensionRefFilter {
  readonly type: 'ExtensionRef';
  readonly extensionRef: LocalObjectReference;
}

export type GrpcRouteFilter =
  | RequestHeaderModifierFilter
  | ResponseHeaderModifierFilter
  | RequestMirrorFilter
  | ExtensionRefFilter;

export type HttpRouteFilter =
  | GrpcRouteFilter
  | RequestRedirectFilter
  | UrlRewriteFilter
  | CorsFilter
  | ExternalAuthFilter;
