import type { ObjectRef } from '../../api/object.ts';

/** A secret as served by SDS: a certificate with its key, or a bundle to validate a peer with. Named by its object. */
export type SecretMaterial =
  | {
      readonly name: string;
      readonly type: 'certificate';
      readonly chain: Uint8Array;
      readonly key: Uint8Array;
      readonly origins: readonly ObjectRef[];
    }
  | {
      readonly name: string;
      readonly type: 'trust';
      readonly authorities: Uint8Array;
      readonly crl?: Uint8Array;
      readonly origins: readonly ObjectRef[];
    };

/** TLS towards clients. */
export interface DownstreamTls {
  /** SDS names, at least one: Envoy picks by SNI and key type. */
  readonly certificates: readonly string[];
  readonly clientValidation?: {
    /** SDS names of the trust bundles; several are served as one merged bundle by the producer. */
    readonly trust: string;
    /** `require`: no or a bad certificate ends the handshake. `allow-insecure`: any certificate, or none, is let in. */
    readonly mode: 'require' | 'allow-insecure';
  };
  /** Default: h2, http/1.1. */
  readonly alpn?: readonly string[];
  /** e.g. `TLSv1_2`; absent: Envoy's defaults. */
  readonly minVersion?: '1.0' | '1.1' | '1.2' | '1.3';
  readonly maxVersion?: '1.0' | '1.1' | '1.2' | '1.3';
}

/** TLS towards a backend. */
export interface UpstreamTls {
  readonly sni: string;
  /** SDS name of the trust bundle, or the system's own authorities. Absent: not validated (ExternalName/`https` appProtocol without a policy). */
  readonly trust?: { readonly sds: string } | 'system';
  /** Any one must match; absent: the name in `sni` must. */
  readonly subjectAltNames?: readonly { readonly type: 'dns' | 'uri'; readonly value: string }[];
  /** SDS name of the certificate that we show. */
  readonly clientCertificate?: string;
}
