import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import type { AccessLogSchema } from '../../gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import { OpenTelemetryConfigSchema } from '../../gen/envoy/config/trace/v3/opentelemetry_pb.ts';
import { FileAccessLogSchema } from '../../gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import { StdoutAccessLogSchema } from '../../gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts';
import type { HttpConnectionManager_TracingSchema } from '../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { StaticConfigResourceDetectorConfigSchema } from '../../gen/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/static_config_resource_detector_pb.ts';
import type { CustomTagSchema } from '../../gen/envoy/type/tracing/v3/custom_tag_pb.ts';
import { TypedStructSchema } from '../../gen/xds/type/v3/typed_struct_pb.ts';
import { pack } from '../../lib/protobuf-encode.ts';
import { duration, extension } from './config.ts';
import { metadataNamespace } from './routes/route.ts';

/** Where spans go: an OTLP receiver behind a cluster that Envoy knows (the bootstrap's, or one of ours). */
export type OtlpExporter =
  | { readonly protocol: 'grpc'; readonly cluster: string }
  /** `uri`: the receiver's whole URL, `http://collector:4318/v1/traces`. */
  | { readonly protocol: 'http'; readonly cluster: string; readonly uri: string };

export interface TracingOptions {
  readonly exporter: OtlpExporter;
  /** `service.name` of the spans. */
  readonly serviceName: string;
  /** Percentage, 0 to 100, of requests without a `traceparent` that start a trace; one that has it has decided already. */
  readonly sampling: number;
  readonly resourceAttributes?: Readonly<Record<string, string>>;
}

export interface AccessLogOptions {
  /** A file (Envoy appends and reopens it on SIGUSR1), or `stdout`. */
  readonly target: { readonly path: string } | 'stdout';
}

/** A span for the request and one for each try at a backend; W3C trace context comes in and goes out. */
export function tracing(options: TracingOptions): MessageInitShape<typeof HttpConnectionManager_TracingSchema> {
  const { exporter, resourceAttributes } = options;
  const config: MessageInitShape<typeof OpenTelemetryConfigSchema> = {
    serviceName: options.serviceName,
    sampler: sampler(options.sampling),
    ...(exporter.protocol === 'grpc'
      ? {
          grpcService: {
            targetSpecifier: { case: 'envoyGrpc', value: { clusterName: exporter.cluster } },
            timeout: duration(exportTimeout),
          },
        }
      : {
          httpService: {
            httpUri: {
              uri: exporter.uri,
              httpUpstreamType: { case: 'cluster', value: exporter.cluster },
              timeout: duration(exportTimeout),
            },
          },
        }),
    ...(resourceAttributes === undefined
      ? {}
      : {
          resourceDetectors: [
            extension(
              'envoy.tracers.opentelemetry.resource_detectors.static_config',
              pack(StaticConfigResourceDetectorConfigSchema, { attributes: { ...resourceAttributes } }),
            ),
          ],
        }),
  };
  return {
    provider: {
      name: 'envoy.tracers.opentelemetry',
      configType: { case: 'typedConfig', value: pack(OpenTelemetryConfigSchema, config) },
    },
    // The sampler decides. Were it decided here, a trace that its client wants would lose its spans at random.
    randomSampling: { value: 100 },
    spawnUpstreamSpan: true,
    customTags: [
      routeTag('sluice.route', 'route'),
      routeTag('sluice.owner', 'owner'),
      headerTag('server.address', ':authority'),
      headerTag('url.scheme', ':scheme'),
    ],
  };
}

/**
 * As the `traceparent` says; a new trace by its id. Envoy 1.40 has these two samplers, the npm package with its protos does
 * not: so they are written as TypedStruct, which Envoy takes for any extension.
 */
function sampler(percentage: number) {
  const samplers = 'envoy.extensions.tracers.opentelemetry.samplers.v3';
  const numerator = Math.round(percentage * 10_000);
  const wrapped: JsonObject = {
    name: 'envoy.tracers.opentelemetry.samplers.trace_id_ratio_based',
    typed_config: {
      '@type': `type.googleapis.com/${samplers}.TraceIdRatioBasedSamplerConfig`,
      sampling_percentage: { numerator, denominator: 'MILLION' },
    },
  };
  return extension(
    'envoy.tracers.opentelemetry.samplers.parent_based',
    pack(TypedStructSchema, {
      typeUrl: `type.googleapis.com/${samplers}.ParentBasedSamplerConfig`,
      value: { wrapped_sampler: wrapped },
    }),
  );
}

/** ms that one export may take before its spans are given up. */
const exportTimeout = 5_000;

/** From the metadata that `routes/route.ts` puts on every route. */
const routeTag = (tag: string, key: string): MessageInitShape<typeof CustomTagSchema> => ({
  tag,
  type: {
    case: 'metadata',
    value: {
      kind: { kind: { case: 'route', value: {} } },
      metadataKey: { key: metadataNamespace, path: [{ segment: { case: 'key', value: key } }] },
    },
  },
});

const headerTag = (tag: string, name: string): MessageInitShape<typeof CustomTagSchema> => ({
  tag,
  type: { case: 'requestHeader', value: { name } },
});

/** Of every connection. */
const connectionFields = {
  time: '%START_TIME%',
  client: '%DOWNSTREAM_REMOTE_ADDRESS%',
  sni: '%REQUESTED_SERVER_NAME%',
  flags: '%RESPONSE_FLAGS%',
  details: '%CONNECTION_TERMINATION_DETAILS%',
  cluster: '%UPSTREAM_CLUSTER%',
  upstream: '%UPSTREAM_HOST%',
  upstream_failure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  duration_ms: '%DURATION%',
  bytes_in: '%BYTES_RECEIVED%',
  bytes_out: '%BYTES_SENT%',
};

const requestFields = {
  ...connectionFields,
  method: '%REQ(:METHOD)%',
  authority: '%REQ(:AUTHORITY)%',
  // As the client wrote it: a rewrite keeps the original there.
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  status: '%RESPONSE_CODE%',
  details: '%RESPONSE_CODE_DETAILS%',
  route: '%ROUTE_NAME%',
  attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  /** To the last byte of the request in, to the first and the last byte of the response. */
  request_ms: '%REQUEST_DURATION%',
  first_byte_ms: '%RESPONSE_DURATION%',
  response_ms: '%RESPONSE_TX_DURATION%',
  trace_id: '%TRACE_ID%',
  request_id: '%REQ(X-REQUEST-ID)%',
  user_agent: '%REQ(USER-AGENT)%',
  forwarded_for: '%REQ(X-FORWARDED-FOR)%',
};

/** One JSON object a line. */
export function accessLog(
  options: AccessLogOptions | undefined,
  of: 'request' | 'connection',
): MessageInitShape<typeof AccessLogSchema>[] {
  if (options === undefined) return [];
  const fields: JsonObject = of === 'request' ? requestFields : connectionFields;
  const format = { format: { case: 'jsonFormat' as const, value: fields } };
  const log =
    options.target === 'stdout'
      ? extension(
          'envoy.access_loggers.stdout',
          pack(StdoutAccessLogSchema, { accessLogFormat: { case: 'logFormat', value: format } }),
        )
      : extension(
          'envoy.access_loggers.file',
          pack(FileAccessLogSchema, {
            path: options.target.path,
            accessLogFormat: { case: 'logFormat', value: format },
          }),
        );
  return [{ name: log.name, configType: { case: 'typedConfig', value: log.typedConfig } }];
}
