import type { DescMessage, MessageInitShape, Registry } from '@bufbuild/protobuf';
import type { Diagnostic } from '../../api/diagnostic.ts';
import { type ObjectRef, refKey } from '../../api/object.ts';
import type { Collection, DerivedCollection, Store } from '../../store/index.ts';
import { makeResource, sameResource } from './make-resource.ts';
import type { Resource, ResourceType } from './resource.ts';
import { violations } from './validate.ts';

/** Something that is not served as it was asked for, since Envoy would refuse it. */
export interface EncodeProblem {
  /** `HTTPRoute default/shop rule 0`, `listener default/gateway:80`. */
  readonly subject: string;
  readonly message: string;
  readonly origins: readonly ObjectRef[];
}

/** A resource, or why there is none; with both, the resource leaves something out. */
export interface Attempt {
  readonly resource?: Resource;
  readonly problems: readonly EncodeProblem[];
}

/** Encodes a resource unless Envoy would refuse it, and all that is sent with it. `found`: what was wrong on the way here. */
export function attempt<Desc extends DescMessage>(
  type: ResourceType,
  name: string,
  schema: Desc,
  init: MessageInitShape<Desc>,
  origins: readonly ObjectRef[],
  registry: Registry,
  found: readonly string[] = [],
): Attempt {
  const broken = violations(schema, init, registry);
  const subject = `${type.replace(/s$/, '')} ${name}`;
  const problems = [...found, ...broken].map((message) => ({ subject, message, origins }));
  return broken.length > 0 ? { problems } : { resource: makeResource(type, name, schema, init, origins), problems };
}

export const sameAttempt = (a: Attempt, b: Attempt) =>
  a.problems.length === 0 &&
  b.problems.length === 0 &&
  a.resource !== undefined &&
  b.resource !== undefined &&
  sameResource(a.resource, b.resource);

/** What is served of what was attempted. */
export function attemptedResources(
  store: Store,
  name: string,
  attempts: Collection<Attempt>,
): DerivedCollection<Resource> {
  return store.derive<Attempt, Resource>(attempts, {
    name,
    equal: sameResource,
    map: (_fetch, { resource }, key) => (resource === undefined ? [] : [[key, resource]]),
  });
}

/** The problems of whatever was encoded, by `refKey` of the objects whose owners must act. */
export function deriveDiagnostics<V extends { readonly problems: readonly EncodeProblem[] }>(
  store: Store,
  name: string,
  encoded: Collection<V>,
): DerivedCollection<readonly Diagnostic[]> {
  const byOrigin = encoded.index('problem', ({ problems }) =>
    problems.length === 0 ? undefined : [...new Set(problems.flatMap(({ origins }) => origins.map(refKey)))],
  );
  return store.group<V, readonly Diagnostic[]>(byOrigin, {
    name,
    map: (_fetch, members, key) => [
      [key, members.flatMap(({ problems }) => diagnosticsOf(problems, key)).sort(byMessage)],
    ],
  });
}

function diagnosticsOf(problems: readonly EncodeProblem[], key: string): Diagnostic[] {
  return problems.flatMap(({ subject, message, origins }) => {
    const object = origins.find((ref) => refKey(ref) === key);
    return object === undefined
      ? []
      : [
          {
            severity: 'error',
            reason: 'InvalidConfiguration',
            message: `${subject}: ${message}`,
            hint: 'Envoy would refuse this, so it is left out and the rest is served',
            object,
          },
        ];
  });
}

const byMessage = (a: Diagnostic, b: Diagnostic) => (a.message < b.message ? -1 : a.message > b.message ? 1 : 0);
