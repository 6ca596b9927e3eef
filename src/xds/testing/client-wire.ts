import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ClusterSchema } from '../../gen/envoy/config/cluster/v3/cluster_pb.ts';
import { TypedExtensionConfigSchema } from '../../gen/envoy/config/core/v3/extension_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../gen/envoy/config/route/v3/route_pb.ts';
import { ScopedRouteConfigurationSchema } from '../../gen/envoy/config/route/v3/scoped_route_pb.ts';
import { SecretSchema } from '../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../../gen/envoy/service/discovery/v3/discovery_pb.ts';
import { assert } from '../../lib/fault.ts';
import { type ResourceType, resourceTypes } from '../../mesh/envoy/resource.ts';
import type { Protocol } from '../wire.ts';

/** One resource as a client receives it. State of the world has no version of its own: then it is the response's. */
export interface ClientResource {
  readonly type: ResourceType;
  readonly name: string;
  readonly version: string;
  readonly body: Uint8Array;
}

export interface ClientResponse {
  readonly type: ResourceType;
  readonly nonce: string;
  readonly version: string;
  readonly resources: readonly ClientResource[];
  readonly removed: readonly string[];
  /** What it leaves out is gone. */
  readonly full: boolean;
}

export interface Request {
  readonly type?: ResourceType;
  /** In place of the type's own. */
  readonly typeUrl?: string;
  readonly node?: string;
  readonly subscribe?: readonly string[];
  readonly unsubscribe?: readonly string[];
  readonly versions?: Record<string, string>;
  readonly version?: string;
  readonly nonce?: string;
  readonly error?: string;
}

export function encodeRequest(protocol: Protocol, request: Request): Uint8Array {
  const common = {
    typeUrl: request.typeUrl ?? (request.type === undefined ? '' : resourceTypes[request.type]),
    responseNonce: request.nonce ?? '',
    node: {
      id: request.node ?? 'test-client',
      userAgentName: 'sluice-test',
      userAgentVersionType: { case: 'userAgentVersion' as const, value: '1.0' },
    },
    ...(request.error === undefined ? {} : { errorDetail: { code: 3, message: request.error } }),
  };
  if (protocol === 'sotw') {
    const names = [...(request.subscribe ?? [])];
    return toBinary(
      DiscoveryRequestSchema,
      create(DiscoveryRequestSchema, { ...common, resourceNames: names, versionInfo: request.version ?? '' }),
    );
  }
  return toBinary(
    DeltaDiscoveryRequestSchema,
    create(DeltaDiscoveryRequestSchema, {
      ...common,
      resourceNamesSubscribe: [...(request.subscribe ?? [])],
      resourceNamesUnsubscribe: [...(request.unsubscribe ?? [])],
      initialResourceVersions: request.versions ?? {},
    }),
  );
}

export function decodeResponse(protocol: Protocol, bytes: Uint8Array): ClientResponse {
  if (protocol === 'sotw') {
    const { typeUrl, nonce, versionInfo: version, resources } = fromBinary(DiscoveryResponseSchema, bytes);
    const type = typeOf(typeUrl);
    return {
      type,
      nonce,
      version,
      removed: [],
      full: type === 'listeners' || type === 'clusters' || type === 'scoped-routes',
      resources: resources.map(({ value, typeUrl: inner }) => {
        assert(inner === typeUrl, `a ${inner} in a response of ${typeUrl}`);
        return { type, name: nameOf(type, value), version, body: value };
      }),
    };
  }
  const { typeUrl, nonce, resources, removedResources: removed } = fromBinary(DeltaDiscoveryResponseSchema, bytes);
  const type = typeOf(typeUrl);
  return {
    type,
    nonce,
    version: '',
    removed,
    full: false,
    resources: resources.map(({ name, version, resource }) => {
      assert(resource?.typeUrl === typeUrl, `a ${resource?.typeUrl} in a response of ${typeUrl}`);
      return { type, name, version, body: resource.value };
    }),
  };
}

function typeOf(url: string): ResourceType {
  const found = Object.entries(resourceTypes).find(([, known]) => known === url);
  assert(found !== undefined, `a response of type ${url}`);
  return found[0] as ResourceType;
}

function nameOf(type: ResourceType, body: Uint8Array): string {
  switch (type) {
    case 'listeners':
      return fromBinary(ListenerSchema, body).name;
    case 'scoped-routes':
      return fromBinary(ScopedRouteConfigurationSchema, body).name;
    case 'routes':
      return fromBinary(RouteConfigurationSchema, body).name;
    case 'clusters':
      return fromBinary(ClusterSchema, body).name;
    case 'endpoints':
      return fromBinary(ClusterLoadAssignmentSchema, body).clusterName;
    case 'secrets':
      return fromBinary(SecretSchema, body).name;
    case 'extensions':
      return fromBinary(TypedExtensionConfigSchema, body).name;
  }
}
