import { type Diagnostic, type ObjectRef, refKey } from '../../api/index.ts';
import type { DerivedCollection, Store } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';
import type { MeshOptions } from '../model/index.ts';
import { readCertificate } from './certificates.ts';

/** What is wrong with the Secret of `MeshOptions.defaultCertificate`, by its `refKey`: no Ingress has named it. */
export function deriveDefaultCertificateProblems(
  store: Store,
  tables: Tables,
  options: MeshOptions,
): DerivedCollection<readonly Diagnostic[]> {
  const name = options.defaultCertificate;
  const problems = store.single<readonly Diagnostic[]>({
    name: 'ingress/default-certificate',
    map: (fetch) => {
      if (name === undefined) return [];
      const found = readCertificate(fetch, tables, name);
      return 'problem' in found ? [{ ...found.problem, object: secretRef(name) }] : [];
    },
  });
  return store.derive<readonly Diagnostic[], readonly Diagnostic[]>(problems, {
    name: 'ingress/default-certificate-problems',
    map: (_fetch, list) =>
      list.flatMap(({ object }) => (object === undefined ? [] : [[refKey(object), list] as const])),
  });
}

function secretRef(name: string): ObjectRef {
  const slash = name.indexOf('/');
  return { group: '', kind: 'Secret', namespace: name.slice(0, Math.max(slash, 0)), name: name.slice(slash + 1) };
}
