/**
 * What the two halves of this room tell each other: attachment (which listeners a route serves) and rules (what a route's
 * rules come to). Attachment calls the rules once for each route, and again for each Gateway that shows backends a
 * client certificate of its own.
 */
import type { BackendTLSPolicy, Diagnostic, ObjectRef, ReferenceGrant } from '../../api/index.ts';
import type { Index } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';
import type {
  Backend,
  Cors,
  ExternalAuth,
  HeaderChanges,
  HttpAction,
  HttpMatch,
  Precedence,
  SecretMaterial,
} from '../model/index.ts';

/** Tables, and the indexes that only Gateway API needs. */
export interface GatewayContext {
  readonly tables: Tables;
  /** ReferenceGrants by the namespace they stand in: that of the objects referred to. */
  readonly grantsByNamespace: Index<ReferenceGrant>;
  /** BackendTLSPolicies by `namespace/name` of the Services that they target. */
  readonly tlsPoliciesByService: Index<BackendTLSPolicy>;
}

/** Who refers to something, as ReferenceGrants see it. */
export interface Referrer {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
}

/** One match of one rule, on no particular host or listener yet. */
export interface RuleOutput {
  readonly rule: number;
  readonly match: number;
  /** `HTTPRoute ns/name rule 0` */
  readonly name: string;
  readonly http: HttpMatch;
  readonly precedence: Pick<Precedence, 'path' | 'length' | 'method' | 'headers' | 'query'>;
  readonly action: HttpAction;
  readonly requestHeaders?: HeaderChanges;
  readonly responseHeaders?: HeaderChanges;
  readonly cors?: Cors;
  readonly externalAuth?: ExternalAuth;
}

/** What becomes of a condition: True if ok. */
export interface Verdict {
  readonly ok: boolean;
  readonly reason: string;
  readonly message: string;
}

export interface RouteRules {
  readonly rules: readonly RuleOutput[];
  readonly backends: readonly Backend[];
  readonly secrets: readonly SecretMaterial[];
  /** Not ok: no rule is programmed (`UnsupportedValue`, `IncompatibleFilters`). */
  readonly accepted: Verdict;
  /** `InvalidKind`, `BackendNotFound`, `RefNotPermitted`, `UnsupportedProtocol`, `InvalidBackendRef`...: requests for these get 500. */
  readonly resolvedRefs: Verdict;
  /** Present: condition PartiallyInvalid is True, some rules were dropped. */
  readonly partiallyInvalid?: { readonly reason: string; readonly message: string };
  readonly diagnostics: readonly Diagnostic[];
  /** `namespace/name/port-name` of the ports in use whose Service a BackendTLSPolicy targets: for {@link TlsPolicyUse}. */
  readonly tlsPolicyTargets: readonly string[];
}

/** What a reference to a backend came to. What is refused has no backend: its share of requests is answered with an error. */
export type BackendResolution =
  | {
      readonly ok: true;
      readonly backend: Backend;
      readonly secrets: readonly SecretMaterial[];
      /** `namespace/name/port-name`, if a BackendTLSPolicy targets the Service. */
      readonly tlsPolicyTarget?: string;
    }
  | {
      readonly ok: false;
      /** A reason of condition ResolvedRefs. */
      readonly reason: string;
      readonly message: string;
      readonly hint: string;
      readonly tlsPolicyTarget?: string;
    };

/**
 * That an attached route (of any kind) uses Services with BackendTLSPolicies, through these Gateways: from this the policies'
 * `status.ancestors` are made. Only routes with `tlsPolicyTargets` give one, so that others cost nothing.
 */
export interface TlsPolicyUse {
  /** `namespace/name/port-name` each; the port's name may be empty. */
  readonly ports: readonly string[];
  readonly gateways: readonly ObjectRef[];
}
