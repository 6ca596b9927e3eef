import { hash } from 'node:crypto';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import type { ObjectRef } from '../../api/object.ts';
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
  const origins = new Set<ObjectRef>();
  for (const fragment of fragments) for (const ref of fragment.origins) origins.add(ref);
  return { type, name, body, version: version(body), origins: [...origins], fragments, head };
}

/** Resources are equal if their versions are: what a derived collection needs to know. */
export const sameResource = (a: Resource, b: Resource) =>
  a.version === b.version && a.origins.length === b.origins.length;

/** 96 bits: no two of any number of resources we could hold share it by chance. */
const version = (body: Uint8Array) => hash('sha256', body, 'base64url').slice(0, 16);
