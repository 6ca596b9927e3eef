import { createRegistry, type DescMessage, fromBinary, type JsonObject, toJson } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { dump } from 'js-yaml';
import { ClusterSchema } from '../../../gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../../gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../../gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../../gen/envoy/config/route/v3/route_pb.ts';
import { ScopedRouteConfigurationSchema } from '../../../gen/envoy/config/route/v3/scoped_route_pb.ts';
import { OpenTelemetryConfigSchema } from '../../../gen/envoy/config/trace/v3/opentelemetry_pb.ts';
import { FileAccessLogSchema } from '../../../gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import { StdoutAccessLogSchema } from '../../../gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts';
import {
  ExtensionWithMatcherPerRouteSchema,
  ExtensionWithMatcherSchema,
} from '../../../gen/envoy/extensions/common/matching/v3/extension_matcher_pb.ts';
import {
  CompositeSchema,
  ExecuteFilterActionSchema,
} from '../../../gen/envoy/extensions/filters/http/composite/v3/composite_pb.ts';
import { CorsPolicySchema, CorsSchema } from '../../../gen/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import { ExtAuthzSchema } from '../../../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import { RouterSchema } from '../../../gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import {
  StatefulSessionPerRouteSchema,
  StatefulSessionSchema,
} from '../../../gen/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.ts';
import { ProxyProtocolSchema } from '../../../gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts';
import { TlsInspectorSchema } from '../../../gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import { HttpConnectionManagerSchema } from '../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { TcpProxySchema } from '../../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { RouteSchema as UdpRouteSchema } from '../../../gen/envoy/extensions/filters/udp/udp_proxy/v3/route_pb.ts';
import { UdpProxyConfigSchema } from '../../../gen/envoy/extensions/filters/udp/udp_proxy/v3/udp_proxy_pb.ts';
import { DynamicModuleEarlyHeaderMutationSchema } from '../../../gen/envoy/extensions/http/early_header_mutation/dynamic_modules/v3/dynamic_modules_pb.ts';
import { HeaderMutationSchema } from '../../../gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.ts';
import { CookieBasedSessionStateSchema } from '../../../gen/envoy/extensions/http/stateful_session/cookie/v3/cookie_pb.ts';
import { HeaderBasedSessionStateSchema } from '../../../gen/envoy/extensions/http/stateful_session/header/v3/header_pb.ts';
import { PreviousHostsPredicateSchema } from '../../../gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
import { StaticConfigResourceDetectorConfigSchema } from '../../../gen/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/static_config_resource_detector_pb.ts';
import { SecretSchema } from '../../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpProtocolOptionsSchema } from '../../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { TypedStructSchema } from '../../../gen/xds/type/v3/typed_struct_pb.ts';
import type { EnvoyResources } from '../index.ts';
import type { Resource, ResourceType } from '../resource.ts';

/** All that we ever put into an Any. */
export const packedTypes = createRegistry(
  CompositeSchema,
  CookieBasedSessionStateSchema,
  CorsPolicySchema,
  CorsSchema,
  DownstreamTlsContextSchema,
  DynamicModuleEarlyHeaderMutationSchema,
  ExecuteFilterActionSchema,
  ExtAuthzSchema,
  ExtensionWithMatcherPerRouteSchema,
  ExtensionWithMatcherSchema,
  FileAccessLogSchema,
  HeaderBasedSessionStateSchema,
  HeaderMutationSchema,
  HttpConnectionManagerSchema,
  HttpProtocolOptionsSchema,
  OpenTelemetryConfigSchema,
  PreviousHostsPredicateSchema,
  ProxyProtocolSchema,
  RouterSchema,
  StatefulSessionPerRouteSchema,
  StatefulSessionSchema,
  StaticConfigResourceDetectorConfigSchema,
  StdoutAccessLogSchema,
  StringValueSchema,
  TcpProxySchema,
  TlsInspectorSchema,
  TypedStructSchema,
  UdpProxyConfigSchema,
  UdpRouteSchema,
  UpstreamTlsContextSchema,
);

export const schemas: Record<Exclude<ResourceType, 'extensions'>, DescMessage> = {
  listeners: ListenerSchema,
  'scoped-routes': ScopedRouteConfigurationSchema,
  routes: RouteConfigurationSchema,
  clusters: ClusterSchema,
  endpoints: ClusterLoadAssignmentSchema,
  secrets: SecretSchema,
};

export function resourceJson(resource: Resource): JsonObject {
  const schema = schemas[resource.type as keyof typeof schemas];
  const message = fromBinary(schema, resource.body);
  return toJson(schema, message, { registry: packedTypes, useProtoFieldName: true }) as JsonObject;
}

/** Everything that was made, as Envoy's own YAML, by type and name, with what was left out. */
export function renderResources(resources: EnvoyResources): string {
  const byName = (a: Resource, b: Resource) => (a.name < b.name ? -1 : 1);
  const out: Record<string, unknown> = {};
  for (const collection of resources.all) {
    const list = [...collection.values()].sort(byName);
    const [first] = list;
    if (first !== undefined) out[first.type] = list.map(resourceJson);
  }
  const diagnostics = resources.diagnostics.flatMap((collection) => [...collection.values()].flat());
  if (diagnostics.length > 0) out.diagnostics = diagnostics.map(({ reason, message }) => ({ reason, message }));
  return dump(out, { lineWidth: 120, noRefs: true });
}
