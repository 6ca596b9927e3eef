import { type Resource, type ResourceType, resourceTypes } from '../mesh/envoy/resource.ts';

/**
 * Responses in protobuf's wire format, put together from buffers that exist already: what goes before a resource's body is
 * encoded once per resource, whoever is sent it. Field numbers: envoy/service/discovery/v3/discovery.proto.
 */
export type Protocol = 'delta' | 'sotw';

const prefixes: Record<Protocol, WeakMap<Resource, Buffer>> = { delta: new WeakMap(), sotw: new WeakMap() };

/** The bytes that stand before a resource's body in a response. The body is always the last field, so the two concatenate. */
export function resourcePrefix(protocol: Protocol, resource: Resource): Buffer {
  const cache = prefixes[protocol];
  let prefix = cache.get(resource);
  if (prefix === undefined) {
    prefix = protocol === 'delta' ? deltaPrefix(resource) : inField(2, anyPrefix(resource), resource.body.length);
    cache.set(resource, prefix);
  }
  return prefix;
}

/** Bytes that a resource adds to a response. */
export function encodedSize(protocol: Protocol, resource: Resource): number {
  return resourcePrefix(protocol, resource).length + resource.body.length;
}

/** A DeltaDiscoveryResponse. */
export function deltaResponse(
  type: ResourceType,
  nonce: string,
  resources: readonly Resource[],
  removed: readonly string[],
): Buffer {
  const parts: Uint8Array[] = [field(4, resourceTypes[type]), field(5, nonce)];
  for (const resource of resources) parts.push(resourcePrefix('delta', resource), resource.body);
  for (const name of removed) parts.push(field(6, name));
  return Buffer.concat(parts);
}

/** A DiscoveryResponse (state of the world). */
export function sotwResponse(
  type: ResourceType,
  nonce: string,
  version: string,
  resources: readonly Resource[],
): Buffer {
  const parts: Uint8Array[] = [field(1, version), field(4, resourceTypes[type]), field(5, nonce)];
  for (const resource of resources) parts.push(resourcePrefix('sotw', resource), resource.body);
  return Buffer.concat(parts);
}

function deltaPrefix(resource: Resource): Buffer {
  const any = anyPrefix(resource);
  const before = Buffer.concat([
    field(1, resource.version),
    field(3, resource.name),
    inField(2, any, resource.body.length),
  ]);
  return inField(2, before, resource.body.length);
}

function anyPrefix(resource: Resource): Buffer {
  return Buffer.concat([field(1, resourceTypes[resource.type]), tag(2), varint(resource.body.length)]);
}

/** `start` as the beginning of a length-delimited field that goes on for `rest` more bytes. */
function inField(number: number, start: Buffer, rest: number): Buffer {
  return Buffer.concat([tag(number), varint(start.length + rest), start]);
}

function field(number: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([tag(number), varint(bytes.length), bytes]);
}

function tag(number: number): Buffer {
  return varint((number << 3) | 2);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
