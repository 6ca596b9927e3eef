import { create } from '@bufbuild/protobuf';
import { anyPack, StringValueSchema } from '@bufbuild/protobuf/wkt';
import { type TypedExtensionConfig, TypedExtensionConfigSchema } from '../../gen/envoy/config/core/v3/extension_pb.ts';
import { DynamicModuleEarlyHeaderMutationSchema } from '../../gen/envoy/extensions/http/early_header_mutation/dynamic_modules/v3/dynamic_modules_pb.ts';
import { assert } from '../../lib/fault.ts';

/** The header that Envoy sets to a request's bucket and that scoped routes key on. Route tables remove it before the upstream. */
export const bucketHeader = 'x-sluice-bucket';

/** The module refuses more than this. */
export const maxBuckets = 65_536;

/**
 * The entry in an HttpConnectionManager's `early_header_mutation_extensions` that makes Envoy set `bucketHeader` before it
 * looks for a route. Envoy must have been started with the directory of `libsluice.so` in its module search path.
 * `prefix` (at most 32 bytes) stands before the bucket in the header: the scopes of all route tables share one space of keys.
 */
export function hostBucketMutation(buckets: number, prefix = ''): TypedExtensionConfig {
  assert(Number.isInteger(buckets) && buckets >= 1 && buckets <= maxBuckets, `host buckets: ${buckets}`);
  assert(Buffer.byteLength(prefix) <= 32, `host bucket prefix: ${prefix}`);
  const mutation = create(DynamicModuleEarlyHeaderMutationSchema, {
    // Never unloaded: a worker may still be inside it when the last listener that names it goes away.
    dynamicModuleConfig: { name: 'sluice', doNotClose: true },
    earlyHeaderMutationName: 'host-bucket',
    earlyHeaderMutationConfig: anyPack(
      StringValueSchema,
      create(StringValueSchema, { value: prefix === '' ? `${buckets}` : `${buckets} ${prefix}` }),
    ),
  });
  return create(TypedExtensionConfigSchema, {
    name: 'host-bucket',
    typedConfig: anyPack(DynamicModuleEarlyHeaderMutationSchema, mutation),
  });
}

/**
 * The bucket, 0 to `buckets` - 1, of a host or authority: FNV-1a (32 bits) of the lower-case host without port and without
 * one trailing dot, modulo `buckets`. The same function as `native/host-bucket.h`, which Envoy runs on every request.
 */
export function hostBucket(authority: string, buckets: number): number {
  let end = authority.length;
  const colon = authority.lastIndexOf(':');
  // Colons inside an IPv6 literal's brackets do not start a port.
  if (colon > authority.lastIndexOf(']')) end = colon;
  if (authority.charCodeAt(end - 1) === 0x2e) end--;
  let hash = 0x811c9dc5;
  for (let i = 0; i < end; i++) {
    let code = authority.charCodeAt(i);
    if (code > 0x7f) return hostBucketOfBytes(Buffer.from(authority.slice(0, end)), buckets);
    if (code >= 0x41 && code <= 0x5a) code |= 0x20;
    hash = Math.imul(hash ^ code, 0x01000193);
  }
  return (hash >>> 0) % buckets;
}

/** Envoy hashes bytes: what is not ASCII counts as UTF-8. Never a DNS name, so this need not be fast. */
function hostBucketOfBytes(host: Uint8Array, buckets: number): number {
  let hash = 0x811c9dc5;
  for (const byte of host) hash = Math.imul(hash ^ (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte), 0x01000193);
  return (hash >>> 0) % buckets;
}
