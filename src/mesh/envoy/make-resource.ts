import { hash } from 'node:crypto';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { type ObjectRef, refKey } from '../../api/object.ts';
import { equal } from '../../lib/equal.ts';
import { encode } from '../../lib/protobuf-encode.ts';
import type { Fragment, Resource, ResourceType } from './resource.ts';

export function makeResource<Desc extends DescMessage>(
  type: ResourceType,
  name: string,
  schema: Desc,
  init: MessageInitShape<Desc>,
  origins: readonly ObjectRef[],
): Resource {
  const body = encode(schema, init);
  return { type, name, body, version: version(body), origins };
}

/** A resource put together from parts that are encoded already: costs a copy of their bytes. */
export function assembleResource(
  type: ResourceType,
  name: string,
  head: Uint8Array,
  fragments: readonly Fragment[],
): Resource {
  const body = Buffer.concat([head, ...fragments.map((fragment) => fragment.bytes)]);
  let origins: readonly ObjectRef[] | undefined;
  return {
    type,
    name,
    body,
    version: version(body),
    // Asked for only when Envoy refuses something.
    get origins() {
      origins ??= uniqueOrigins(fragments);
      return origins;
    },
    fragments,
    head,
  };
}

/** The objects behind several things, each once, in the order in which they come. */
export function uniqueOrigins(of: readonly { readonly origins: readonly ObjectRef[] }[]): readonly ObjectRef[] {
  const [first] = of;
  if (of.length === 1 && first !== undefined) return first.origins;
  const byKey = new Map<string, ObjectRef>();
  for (const { origins } of of) for (const ref of origins) byKey.set(refKey(ref), ref);
  return [...byKey.values()];
}

/** What a derived collection needs to know: the version stands for the bytes. */
export const sameResource = (a: Resource, b: Resource) => a.version === b.version && sameOrigins(a, b);

function sameOrigins(a: Resource, b: Resource): boolean {
  if (a.fragments === undefined || b.fragments === undefined) return equal(a.origins, b.origins);
  const others = b.fragments;
  return (
    a.fragments.length === others.length &&
    a.fragments.every((fragment, i) => fragment === others[i] || equal(fragment.origins, others[i]?.origins))
  );
}

/** 96 bits: no two of any number of resources we could hold share it by chance. */
const version = (body: Uint8Array) => hash('sha256', body, 'base64url').slice(0, 16);
