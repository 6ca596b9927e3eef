import { hash } from 'node:crypto';
import { fromBinary, fromJson, type JsonObject, type JsonValue, toBinary, toJson } from '@bufbuild/protobuf';
import type { ObjectRef } from '../../api/index.ts';
import type { Context } from '../../api/schema/index.ts';
import { type Resource, type ResourceType, resourceTypes } from '../envoy/resource.ts';
import { violations } from '../envoy/validate.ts';
import { envoyType, envoyTypes } from './descriptors.ts';
import type { JsonRecord } from './protojson.ts';

function descOf(type: ResourceType) {
  return envoyType(resourceTypes[type].slice('type.googleapis.com/'.length));
}

/**
 * A checked message as a resource. What breaks Envoy's own validation rules goes to the context, below its current place;
 * then there is no resource.
 */
export function encodeResource(
  type: ResourceType,
  name: string,
  message: JsonRecord,
  origins: readonly ObjectRef[],
  context: Context,
): Resource | undefined {
  const desc = descOf(type);
  const registry = envoyTypes();
  let body: Uint8Array;
  try {
    const parsed = fromJson(desc, message as JsonValue, { registry });
    const broken = violations(desc, parsed as never, registry);
    for (const line of broken) reportViolation(line, context);
    if (broken.length > 0) return undefined;
    body = toBinary(desc, parsed);
  } catch (error) {
    // ProtoJson is stricter than protobuf-es in all that we know of: should it ever miss something, the user still hears of it.
    context.error('InvalidResource', `is refused: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
  return { type, name, body, version: hash('sha256', body, 'base64url').slice(0, 22), origins };
}

/** `filterChains[0].name: must be set`, as it stands in the object. */
function reportViolation(line: string, context: Context): void {
  const colon = line.indexOf(': ');
  const path = line.slice(0, colon).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const segments = [...path.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]]+)/g)].map((match) =>
    match[1] !== undefined
      ? Number(match[1])
      : match[2] !== undefined
        ? String(JSON.parse(match[2]))
        : (match[3] as string),
  );
  context.error('InvalidValue', `breaks Envoy's rules: ${line.slice(colon + 2)}`, undefined, segments);
}

/** A resource's body in the JSON form of protocol buffers, with the .proto names. Types that are unknown here throw. */
export function decodeResource(resource: Pick<Resource, 'type' | 'body'>): JsonRecord {
  const desc = descOf(resource.type);
  const options = { registry: envoyTypes(), useProtoFieldName: true };
  return toJson(desc, fromBinary(desc, resource.body), options) as JsonObject;
}
