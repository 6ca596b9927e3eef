import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { Resource } from '../mesh/envoy/resource.ts';

/**
 * Names inside encoded resources that xDS ordering depends on. Read by walking top-level fields: decoding a Cluster or a
 * scope whole would cost more than sending it. Resources are our own, but a malformed one must not stop the others, so it
 * counts as one without references.
 */

/** The EDS resource that a Cluster asks for (`eds_cluster_config.service_name`, or its own name); undefined if not EDS. */
export function edsNameOf(cluster: Resource): string | undefined {
  const config = lastField(cluster.body, 3);
  if (config === undefined) return undefined;
  const service = lastField(config, 2);
  return service === undefined || service.length === 0 ? cluster.name : text(service);
}

/** The route table that a ScopedRouteConfiguration points to; undefined where it holds one inline. */
export function routeTableOf(scope: Resource): string | undefined {
  const name = lastField(scope.body, 2);
  return name === undefined || name.length === 0 ? undefined : text(name);
}

/**
 * Whether a resource names something: a search for the name's bytes in the encoded form. It may find too much (a name
 * that is part of another), never too little, as protobuf holds strings as they are.
 */
export function mentions(resource: Resource, name: string): boolean {
  const { body } = resource;
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes(name);
}

/** The last occurrence of a length-delimited field, which is the one in force for a string. */
function lastField(message: Uint8Array, wanted: number): Uint8Array | undefined {
  try {
    const reader = new BinaryReader(message);
    let found: Uint8Array | undefined;
    while (reader.pos < reader.len) {
      const [number, wireType] = reader.tag();
      if (number === wanted && wireType === WireType.LengthDelimited) found = reader.bytes();
      else reader.skip(wireType, number);
    }
    return found;
  } catch {
    return undefined;
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
