import { SecretSchema } from '../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { Collection, DerivedCollection, Store } from '../../store/index.ts';
import type { SecretMaterial } from '../model/index.ts';
import { makeResource, sameResource } from './make-resource.ts';
import type { Resource } from './resource.ts';

/** Whoever makes a secret has checked that its PEM parses and that key and certificate belong together. */
export function deriveSecrets(store: Store, secrets: Collection<SecretMaterial>): DerivedCollection<Resource> {
  return store.derive<SecretMaterial, Resource>(secrets, {
    name: 'secret-resources',
    equal: sameResource,
    map: (_fetch, secret) => [[secret.name, secretToEnvoy(secret)]],
  });
}

export function secretToEnvoy(secret: SecretMaterial): Resource {
  return makeResource(
    'secrets',
    secret.name,
    SecretSchema,
    {
      name: secret.name,
      type:
        secret.type === 'certificate'
          ? {
              case: 'tlsCertificate',
              value: { certificateChain: inline(secret.chain), privateKey: inline(secret.key) },
            }
          : {
              case: 'validationContext',
              value: {
                trustedCa: inline(secret.authorities),
                ...(secret.crl === undefined ? {} : { crl: inline(secret.crl) }),
              },
            },
    },
    secret.origins,
  );
}

const inline = (value: Uint8Array) => ({ specifier: { case: 'inlineBytes' as const, value } });
