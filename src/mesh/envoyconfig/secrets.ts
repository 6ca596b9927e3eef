import { closest } from '../../api/schema/index.ts';
import type { References, SecretNeed, Warn } from './references.ts';

const objectName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?\/[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/;

/**
 * The SDS name for a reference: a Secret among the object's own resources, `namespace/name` of a Kubernetes Secret, or
 * `trust:Kind/namespace/name+...`, as the bundles of Ingress and Gateway are called. A namespaced object gets at Secrets of
 * its own namespace only.
 */
export function qualifySecret(
  references: References,
  name: string,
  use: SecretNeed['type'] | 'generic',
  field: string,
  own: string | undefined,
  warn: Warn,
): string {
  const { names } = references;
  if (names.has('secrets', name)) return names.qualified(name);
  const objects = use === 'generic' ? [] : objectsOf(name, use);
  if (objects.length === 0) {
    const hint = () => {
      const near = closest(name, names.all('secrets'));
      if (near !== undefined) return `did you mean ${near}?`;
      return use === 'generic'
        ? 'define a Secret of that name in this object'
        : 'define a Secret of that name in this object, or name one of Kubernetes as namespace/name';
    };
    warn('SecretNotFound', `is ${JSON.stringify(name)}, and this object has no such secret`, hint);
    return names.qualified(name);
  }
  const foreign = objects.find(({ key }) => own !== undefined && key.slice(0, key.indexOf('/')) !== own);
  if (foreign !== undefined) {
    warn(
      'SecretNotPermitted',
      `is ${foreign.key}, which is in another namespace`,
      `copy it to namespace ${own}, or use a CiliumClusterwideEnvoyConfig`,
    );
    return names.qualified(name);
  }
  const need: SecretNeed = {
    type: use as SecretNeed['type'],
    name: use === 'certificate' ? name : `trust:${objects.map(({ kind, key }) => `${kind}/${key}`).join('+')}`,
    objects,
    field,
  };
  references.secrets.set(need.name, references.secrets.get(need.name) ?? need);
  return need.name;
}

function objectsOf(name: string, use: SecretNeed['type']): SecretNeed['objects'] {
  if (objectName.test(name)) return [{ kind: 'Secret', key: name }];
  if (use !== 'trust' || !name.startsWith('trust:')) return [];
  const objects = name
    .slice('trust:'.length)
    .split('+')
    .map((part) => {
      const slash = part.indexOf('/');
      return { kind: part.slice(0, slash) as 'Secret' | 'ConfigMap', key: part.slice(slash + 1) };
    });
  const right = objects.every(({ kind, key }) => (kind === 'Secret' || kind === 'ConfigMap') && objectName.test(key));
  return right ? objects : [];
}
