import {
  SubjectAltNameMatcher_SanType as SanType,
  TlsParameters_TlsProtocol as TlsProtocol,
  CertificateValidationContext_TrustChainVerification as TrustChainVerification,
} from '../../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { pack } from '../../lib/protobuf-encode.ts';
import type { Backend, DownstreamTls, UpstreamTls } from '../model/index.ts';
import { ads } from './config.ts';

const sds = (name: string) => ({ name, sdsConfig: ads });
const transportSocket = (typedConfig: ReturnType<typeof pack>) => ({
  name: 'envoy.transport_sockets.tls',
  configType: { case: 'typedConfig' as const, value: typedConfig },
});

const versions = {
  '1.0': TlsProtocol.TLSv1_0,
  '1.1': TlsProtocol.TLSv1_1,
  '1.2': TlsProtocol.TLSv1_2,
  '1.3': TlsProtocol.TLSv1_3,
} as const;

/** `alpn`: what is offered where the model says nothing. */
export function downstreamTls(tls: DownstreamTls, alpn: readonly string[]) {
  const { clientValidation, minVersion, maxVersion } = tls;
  return transportSocket(
    pack(DownstreamTlsContextSchema, {
      commonTlsContext: {
        tlsCertificateSdsSecretConfigs: tls.certificates.map(sds),
        alpnProtocols: [...(tls.alpn ?? alpn)],
        ...(minVersion === undefined && maxVersion === undefined
          ? {}
          : {
              tlsParams: {
                ...(minVersion === undefined ? {} : { tlsMinimumProtocolVersion: versions[minVersion] }),
                ...(maxVersion === undefined ? {} : { tlsMaximumProtocolVersion: versions[maxVersion] }),
              },
            }),
        ...(clientValidation === undefined
          ? {}
          : {
              validationContextType: {
                case: 'combinedValidationContext',
                value: {
                  defaultValidationContext:
                    clientValidation.mode === 'require'
                      ? {}
                      : { trustChainVerification: TrustChainVerification.ACCEPT_UNTRUSTED },
                  validationContextSdsSecretConfig: sds(clientValidation.trust),
                },
              },
            }),
      },
      ...(clientValidation?.mode === 'require' ? { requireClientCertificate: true } : {}),
    }),
  );
}

const upstreamAlpn = { http: ['http/1.1'], http2: ['h2'], auto: [], tcp: [], udp: [] } as const;

/** Every name in the certificate is compared exactly; a URI name is an identity (SPIFFE), a DNS name a host. */
export function upstreamTls(tls: UpstreamTls, protocol: Backend['protocol'], systemAuthorities: string) {
  const names = tls.subjectAltNames ?? [{ type: 'dns' as const, value: tls.sni }];
  const sans = {
    matchTypedSubjectAltNames: names.map(({ type, value }) => ({
      sanType: type === 'uri' ? SanType.URI : SanType.DNS,
      matcher: { matchPattern: { case: 'exact' as const, value } },
    })),
  };
  return transportSocket(
    pack(UpstreamTlsContextSchema, {
      sni: tls.sni,
      commonTlsContext: {
        alpnProtocols: [...upstreamAlpn[protocol]],
        ...(tls.clientCertificate === undefined
          ? {}
          : { tlsCertificateSdsSecretConfigs: [sds(tls.clientCertificate)] }),
        ...(tls.trust === undefined
          ? {}
          : {
              validationContextType:
                tls.trust === 'system'
                  ? {
                      case: 'validationContext',
                      value: { ...sans, trustedCa: { specifier: { case: 'filename', value: systemAuthorities } } },
                    }
                  : {
                      case: 'combinedValidationContext',
                      value: {
                        defaultValidationContext: sans,
                        validationContextSdsSecretConfig: sds(tls.trust.sds),
                      },
                    },
            }),
      },
    }),
  );
}
