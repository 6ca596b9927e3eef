import { readFileSync } from 'node:fs';
import { createFileRegistry, type DescMessage, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Fault } from '../../lib/fault.ts';

let loaded: FileRegistry | undefined;
let names: readonly string[] | undefined;

/**
 * Every Envoy v3 type, by reflection. Read from disk at the first CiliumEnvoyConfig and kept: it costs some 120 ms and
 * 20 MB, which a node without any never pays. Throws Fault `DESCRIPTORS_MISSING` where the build left the file out.
 */
export function envoyTypes(): FileRegistry {
  if (loaded === undefined) {
    const file = new URL('../../gen/envoy-descriptors.binpb', import.meta.url);
    try {
      loaded = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(file)));
    } catch (error) {
      throw Fault.from(error, 'DESCRIPTORS_MISSING', 'read the Envoy API descriptors', 'build again: make setup');
    }
  }
  return loaded;
}

/** A type that must be there: one that our own code names. */
export function envoyType(name: string): DescMessage {
  const desc = envoyTypes().getMessage(name);
  if (desc === undefined) throw new Error(`bug: the Envoy API has no ${name}`);
  return desc;
}

/** Full names of all message types that can stand in an Any, for near matches. */
export function envoyTypeNames(): readonly string[] {
  names ??= [...envoyTypes()]
    .filter((type) => type.kind === 'message' && type.parent === undefined)
    .map((type) => type.typeName);
  return names;
}
