import type { MessageInitShape } from '@bufbuild/protobuf';
import type { DurationSchema } from '@bufbuild/protobuf/wkt';
import { ApiVersion, type ConfigSourceSchema } from '../../gen/envoy/config/core/v3/config_source_pb.ts';

/** "Ask the stream that this came from." */
export const ads: MessageInitShape<typeof ConfigSourceSchema> = {
  resourceApiVersion: ApiVersion.V3,
  configSourceSpecifier: { case: 'ads', value: {} },
};

/** A Duration of so many milliseconds. */
export function duration(ms: number): MessageInitShape<typeof DurationSchema> {
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: Math.round((ms % 1000) * 1e6) };
}

/** An extension by its well-known name, as every `typed_config` wants it. */
export function extension<T>(name: string, typedConfig: T) {
  return { name, typedConfig };
}

/**
 * A name that no backend has (theirs are `namespace/name:port`): Envoy answers what is sent there with the route's
 * `cluster_not_found_response_code`, and closes connections.
 */
export const missingCluster = 'sluice.missing-backend';
