import { assert } from '../lib/fault.ts';
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
    prefix = protocol === 'delta' ? deltaPrefix(resource) : sotwPrefix(resource);
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

function deltaPrefix({ type, name, version, body }: Resource): Buffer {
  const any = anyLength(type, body.length);
  const [names, versions] = [Buffer.byteLength(name), Buffer.byteLength(version)];
  const resource = fieldLength(versions) + fieldLength(names) + fieldLength(any);
  const prefix = new Prefix(fieldLength(resource) - body.length);
  return prefix
    .field(2, resource)
    .field(1, versions)
    .text(version, versions)
    .field(3, names)
    .text(name, names)
    .field(2, any)
    .any(type, body.length)
    .done();
}

function sotwPrefix({ type, body }: Resource): Buffer {
  const any = anyLength(type, body.length);
  return new Prefix(fieldLength(any) - body.length).field(2, any).any(type, body.length).done();
}

/** Bytes of an Any with a value of `length` bytes. */
function anyLength(type: ResourceType, length: number): number {
  return fieldLength(resourceTypes[type].length) + fieldLength(length);
}

/** Bytes of a field of `length` bytes with its tag; all our numbers are below 16, so a tag is one byte. */
function fieldLength(length: number): number {
  return 1 + varintLength(length) + length;
}

function varintLength(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

/** Writes fields into a buffer of known size: a hundred thousand of these are made when a large cache is first sent. */
class Prefix {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size);
  }

  field(number: number, length: number): this {
    this.#bytes[this.#at++] = (number << 3) | 2;
    let rest = length;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#at++] = rest;
    return this;
  }

  text(text: string, length: number): this {
    this.#bytes.write(text, this.#at);
    this.#at += length;
    return this;
  }

  any(type: ResourceType, length: number): this {
    const url = resourceTypes[type];
    return this.field(1, url.length).text(url, url.length).field(2, length);
  }

  done(): Buffer {
    assert(this.#at === this.#bytes.length, `a prefix of ${this.#at} bytes where ${this.#bytes.length} were planned`);
    return this.#bytes;
  }
}

function field(number: number, text: string): Buffer {
  const length = Buffer.byteLength(text);
  return new Prefix(fieldLength(length)).field(number, length).text(text, length).done();
}
