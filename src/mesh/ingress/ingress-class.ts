import { compareAge, type Ingress, type IngressClass } from '../../api/index.ts';
import type { DerivedCollection, Fetch, Store } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';
import type { MeshOptions } from '../model/index.ts';

export const ingressController = 'cilium.io/ingress-controller';
/** Ours even where no IngressClass object says so. */
const ownClassName = 'cilium';
const legacyAnnotation = 'kubernetes.io/ingress.class';
const defaultAnnotation = 'ingressclass.kubernetes.io/is-default-class';

/** Whether Ingresses that name no class are ours, under the key `''`. */
export type DefaultClass = DerivedCollection<boolean>;

/**
 * The IngressClass marked as the default; of several the newest, as the API server's admission does it. Where none is
 * marked, the option decides.
 */
export function deriveDefaultClass(store: Store, tables: Tables, options: MeshOptions): DefaultClass {
  return store.single({
    name: 'ingress/default-class',
    map: (fetch) => {
      const newest = fetch
        .all(tables.IngressClass)
        .filter((entry) => entry.metadata.annotations[defaultAnnotation] === 'true')
        .sort(compareAge)
        .at(-1);
      return newest === undefined ? options.defaultIngressClass : isOurs(newest);
    },
  });
}

/** The field wins over the older annotation. A class of ours has our controller; `cilium` needs no object at all. */
export function isOurIngress(fetch: Fetch, tables: Tables, defaultClass: DefaultClass, ingress: Ingress): boolean {
  const name = ingress.spec.ingressClassName ?? ingress.metadata.annotations[legacyAnnotation];
  if (name === undefined || name === '') return fetch.get(defaultClass, '') === true;
  const found = fetch.get(tables.IngressClass, name);
  return found === undefined ? name === ownClassName : isOurs(found);
}

function isOurs(ingressClass: IngressClass): boolean {
  return ingressClass.spec.controller === ingressController;
}
