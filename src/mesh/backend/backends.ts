import type { Collection, DerivedCollection, Store } from '../../store/index.ts';
import type { Backend, SecretMaterial, SecretUse } from '../model/index.ts';

/**
 * The backends in use, each once, however many objects need it. Every user of a name gives an equal backend (it comes from
 * the Service, not from the route), so any one speaks for all and one more route to a known Service touches no cluster.
 */
export function deriveBackends(store: Store, uses: readonly Collection<Backend>[]): DerivedCollection<Backend> {
  return store.pick(
    uses.map((collection) => collection.index('name', (backend) => backend.name)),
    { name: 'backends', map: (backend) => backend },
  );
}

/** The secrets in use, each once. */
export function deriveSecrets(store: Store, uses: readonly Collection<SecretUse>[]): DerivedCollection<SecretMaterial> {
  return store.pick(
    uses.map((collection) => collection.index('name', (use) => use.secret.name)),
    { name: 'secrets', map: (use) => use.secret },
  );
}
