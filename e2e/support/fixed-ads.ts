import { chmodSync } from 'node:fs';
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from '../../src/gen/envoy/service/discovery/v3/discovery_pb.ts';

/** A delta ADS server with one fixed answer for each type, so that a test of the Envoy process needs nothing else of ours. */
export interface FixedAds {
  /** What Envoy refused, in its own words. */
  readonly rejections: string[];
  close(): void;
}

type Resources = readonly (readonly [name: string, schema: DescMessage, message: MessageShape<DescMessage>])[];

export async function serveFixedAds(socketPath: string, resources: Resources): Promise<FixedAds> {
  const rejections: string[] = [];
  const server = new Server();
  server.addService(
    {
      deltaAggregatedResources: {
        path: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
        requestStream: true,
        responseStream: true,
        requestSerialize: (message: DeltaDiscoveryRequest) =>
          Buffer.from(toBinary(DeltaDiscoveryRequestSchema, message)),
        requestDeserialize: (bytes: Buffer) => fromBinary(DeltaDiscoveryRequestSchema, bytes),
        responseSerialize: (message: DeltaDiscoveryResponse) =>
          Buffer.from(toBinary(DeltaDiscoveryResponseSchema, message)),
        responseDeserialize: (bytes: Buffer) => fromBinary(DeltaDiscoveryResponseSchema, bytes),
      },
    },
    {
      deltaAggregatedResources: (stream: ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>) => {
        stream.on('data', (request: DeltaDiscoveryRequest) => {
          if (request.errorDetail) rejections.push(request.errorDetail.message);
          if (request.responseNonce !== '') return;
          const ofType = resources.filter(([, schema]) => request.typeUrl === `type.googleapis.com/${schema.typeName}`);
          stream.write(
            create(DeltaDiscoveryResponseSchema, {
              typeUrl: request.typeUrl,
              nonce: '1',
              systemVersionInfo: '1',
              resources: ofType.map(([name, schema, message]) => ({
                name,
                version: '1',
                resource: anyPack(schema, message),
              })),
            }),
          );
        });
        stream.on('error', () => {});
        stream.on('end', () => stream.end());
      },
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  chmodSync(socketPath, 0o600);
  return { rejections, close: () => server.forceShutdown() };
}
