/**
 * Gateway API (`gateway.networking.k8s.io`), standard and experimental channel: everything but routes (`route.ts`).
 *
 * One shape per kind, whatever the version it came in: `apiVersion` reads `gateway.networking.k8s.io/v1` after parsing, an
 * XListenerSet is a ListenerSet (as is a reference to one), lists that are absent are empty, defaults of the CRDs are
 * filled in. Shapes follow release 1.7; what 1.6 spells otherwise is accepted and translated.
 */
import type { LabelSelector } from './core.ts';
import type { KubeObject } from './object.ts';
import type { ExtensionRefFilter, ExternalAuthFilter } from './route-filter.ts';

export const GATEWAY_GROUP = 'gateway.networking.k8s.io';

/** A reference to an object of another kind, in the same namespace. */
export interface LocalObjectReference {
  /** `''` for core. */
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

/** Without `namespace`: that of the object which refers. */
export interface ObjectReference extends LocalObjectReference {
  readonly namespace?: string;
}

export interface GatewayClass extends KubeObject {
  readonly kind: 'GatewayClass';
  readonly spec: {
    readonly controllerName: string;
    readonly parametersRef?: ObjectReference;
    readonly description?: string;
  };
}

export interface NamespaceSelector<From extends string> {
  readonly from: From;
  /** With `Selector`; absent there, it matches nothing. */
  readonly selector?: LabelSelector;
}

export interface RouteGroupKind {
  readonly group: string;
  readonly kind: string;
}

export interface AllowedRoutes {
  readonly namespaces: NamespaceSelector<'All' | 'Selector' | 'Same'>;
  /** Empty: every kind that suits the protocol. */
  readonly kinds: readonly RouteGroupKind[];
}

export interface ListenerTls {
  readonly mode: 'Terminate' | 'Passthrough';
  /** Kind Secret and the core group by default. */
  readonly certificateRefs: readonly ObjectReference[];
  readonly options: Readonly<Record<string, string>>;
}

/** A listener of a Gateway or of a ListenerSet. */
export interface Listener {
  readonly name: string;
  /** Absent: every host. May be `*.example.com`, which covers one label or more. */
  readonly hostname?: string;
  readonly port: number;
  /** `HTTP`, `HTTPS`, `TLS`, `TCP`, `UDP`, or a domain-prefixed one. */
  readonly protocol: string;
  readonly tls?: ListenerTls;
  readonly allowedRoutes: AllowedRoutes;
  /** `filters.requests`: they run before routing. With HTTP and HTTPS only. */
  readonly filters: readonly (ExternalAuthFilter | ExtensionRefFilter)[];
}

export interface GatewayAddress {
  /** `IPAddress`, `Hostname`, `NamedAddress`, or a domain-prefixed one. */
  readonly type: string;
  /** Absent or `''`: any address of that type. */
  readonly value?: string;
  /** `Cluster`, or a domain-prefixed value. */
  readonly routability?: string;
}

/** How client certificates are checked on TLS listeners. */
export interface FrontendTlsValidation {
  readonly caCertificateRefs: readonly ObjectReference[];
  readonly mode: 'AllowValidOnly' | 'AllowInsecureFallback';
}

export interface GatewayTls {
  readonly backend?: {
    /** The certificate that the Gateway shows to backends. */
    readonly clientCertificateRef?: ObjectReference;
  };
  readonly frontend?: {
    readonly default: { readonly validation?: FrontendTlsValidation };
    readonly perPort: readonly {
      readonly port: number;
      readonly tls: { readonly validation?: FrontendTlsValidation };
    }[];
  };
}

export interface Gateway extends KubeObject {
  readonly kind: 'Gateway';
  readonly spec: {
    readonly gatewayClassName: string;
    readonly listeners: readonly Listener[];
    readonly addresses: readonly GatewayAddress[];
    readonly infrastructure?: {
      readonly labels: Readonly<Record<string, string>>;
      readonly annotations: Readonly<Record<string, string>>;
      readonly parametersRef?: LocalObjectReference;
    };
    /** `from: None` where unset: no ListenerSet may attach. */
    readonly allowedListeners: NamespaceSelector<'All' | 'Selector' | 'Same' | 'None'>;
    readonly tls?: GatewayTls;
    /** `All`: routes with `useDefaultGateways` attach by themselves. */
    readonly defaultScope: 'All' | 'None';
  };
}

export interface ListenerSet extends KubeObject {
  readonly kind: 'ListenerSet';
  readonly spec: { readonly parentRef: ObjectReference; readonly listeners: readonly Listener[] };
}

/** Lets objects of `from` refer to objects of `to` in this grant's namespace. */
export interface ReferenceGrant extends KubeObject {
  readonly kind: 'ReferenceGrant';
  readonly spec: {
    readonly from: readonly { readonly group: string; readonly kind: string; readonly namespace: string }[];
    /** Without a name: every object of that kind. */
    readonly to: readonly { readonly group: string; readonly kind: string; readonly name?: string }[];
  };
}

export interface SubjectAltName {
  readonly type: 'Hostname' | 'URI';
  /** With type Hostname; may begin with `*.`. */
  readonly hostname?: string;
  /** With type URI. */
  readonly uri?: string;
}

export interface BackendTLSPolicy extends KubeObject {
  readonly kind: 'BackendTLSPolicy';
  readonly spec: {
    /** `sectionName` is a Service port's name. */
    readonly targetRefs: readonly (LocalObjectReference & { readonly sectionName?: string })[];
    readonly validation: {
      /** Exactly one of the two: a list that is not empty, or the name of a set of well-known ones. */
      readonly caCertificateRefs: readonly LocalObjectReference[];
      /** `System`, or a domain-prefixed name. */
      readonly wellKnownCACertificates?: string;
      /** SNI, and what the certificate must hold unless there are `subjectAltNames`. */
      readonly hostname: string;
      readonly subjectAltNames: readonly SubjectAltName[];
    };
    readonly options: Readonly<Record<string, string>>;
  };
}
