import { type IncomingMessage, request, type Server } from 'node:http';
import { join } from 'node:path';
import { type DescMessage, fromBinary } from '@bufbuild/protobuf';
import { loadAll } from 'js-yaml';
import { pino } from 'pino';
import { parseObject } from '../../src/api/index.ts';
import { ClusterSchema } from '../../src/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../src/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../src/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../src/gen/envoy/config/route/v3/route_pb.ts';
import { SecretSchema } from '../../src/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { deriveBackends, deriveEndpoints, deriveSecrets } from '../../src/mesh/backend/index.ts';
import { encodeMesh } from '../../src/mesh/envoy/index.ts';
import type { ResourceType } from '../../src/mesh/envoy/resource.ts';
import { translateGateway } from '../../src/mesh/gateway/index.ts';
import { createTables, setObject, type Tables } from '../../src/mesh/inputs.ts';
import { defaultMeshOptions, type MeshOptions, type MeshOutputs } from '../../src/mesh/model/index.ts';
import { Envoy, findEnvoy } from '../../src/proxy/index.ts';
import { Store } from '../../src/store/index.ts';
import { type FixedAds, serveFixedAds } from './fixed-ads.ts';
import { startBackend, temporaryDir } from './proxy-rig.ts';

const schemas: Partial<Record<ResourceType, DescMessage>> = {
  listeners: ListenerSchema,
  routes: RouteConfigurationSchema,
  clusters: ClusterSchema,
  endpoints: ClusterLoadAssignmentSchema,
  secrets: SecretSchema,
};

/** A real Envoy that serves what Gateway API objects come to. */
export interface GatewayRig {
  readonly ads: FixedAds;
  stop(): Promise<void>;
}

export function serveGateway(yaml: string): Promise<GatewayRig> {
  return serveTranslated(yaml, translateGateway);
}

/** A real Envoy that serves what one translator makes of objects. */
export async function serveTranslated(
  yaml: string,
  translate: (store: Store, tables: Tables, options: MeshOptions) => MeshOutputs,
  options: Partial<MeshOptions> = {},
): Promise<GatewayRig> {
  const store = new Store({ schedule: () => {} });
  const tables = createTables(store);
  const outputs = translate(store, tables, { ...defaultMeshOptions, ...options });
  const backends = deriveBackends(store, [outputs.backends]);
  const encoded = encodeMesh(store, {
    listeners: outputs.listeners,
    routes: [outputs.routes],
    backends,
    endpoints: deriveEndpoints(store, tables, backends),
    secrets: deriveSecrets(store, [outputs.secrets]),
  });
  for (const document of loadAll(yaml)) {
    if (document === null) continue;
    const { object, diagnostics } = parseObject(document);
    if (object === undefined) throw new Error(JSON.stringify(diagnostics));
    setObject(tables, object);
  }
  store.flush();
  const dir = temporaryDir();
  const resources = encoded.all
    .flatMap((collection) => [...collection.values()])
    .map(({ type, name, body }) => {
      const schema = schemas[type];
      if (schema === undefined) throw new Error(`no schema for ${type}`);
      return [name, schema, fromBinary(schema, body)] as const;
    });
  const ads = await serveFixedAds(join(dir.path, 'xds.sock'), resources);
  const envoy = new Envoy({
    stateDir: join(dir.path, 'envoy'),
    bootstrap: { node: { id: 'test', cluster: 'test' }, xdsSocket: join(dir.path, 'xds.sock') },
    logger: pino({ level: 'silent' }),
    concurrency: 1,
    binary: (await findEnvoy()).path,
  });
  await envoy.start(AbortSignal.timeout(30_000));
  return {
    ads,
    stop: async () => {
      await envoy.stop({ drainTime: 0 });
      ads.close();
      dir[Symbol.dispose]();
    },
  };
}

/** What a backend saw of a request. */
export interface Seen {
  readonly backend: string;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Answers with what it saw, as JSON; `?status=503` in the path sets the status, once for each `&id=`. */
export async function echoBackend(name: string, seen: Seen[]): Promise<{ server: Server; port: number }> {
  const failed = new Set<string>();
  return startBackend(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers } = incoming;
    const one = { backend: name, method, path: url, headers, body: Buffer.concat(chunks).toString() };
    seen.push(one);
    const query = new URL(url, 'http://x').searchParams;
    const id = query.get('id');
    const status = query.get('status');
    const fails = status !== null && (id === null || !failed.has(id));
    if (id !== null) failed.add(id);
    if (query.has('hang')) return;
    response.writeHead(fails ? Number(status) : 200, { 'x-backend': name, 'x-multi': 'backend' });
    response.end(JSON.stringify(one));
  });
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly seen: Seen;
}

/** One request on a connection of its own. `seen`: what the backend saw, if one answered. */
export function ask(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = options;
    const outgoing = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, async (response) => {
      let text = '';
      for await (const chunk of response) text += chunk;
      const isJson = text.startsWith('{');
      resolve({ status: response.statusCode ?? 0, headers: response.headers, seen: isJson ? JSON.parse(text) : {} });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** A Service with one EndpointSlice of local ports. */
export function localService(name: string, ports: readonly number[], extra = ''): string {
  return ports
    .map(
      (port, i) => `
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}-${i}, labels: {kubernetes.io/service-name: ${name}}}
addressType: IPv4
ports: [{name: web, port: ${port}}]
endpoints: [{addresses: [127.0.0.1]}]
`,
    )
    .join('')
    .concat(`
---
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {ports: [{name: web, port: 80${extra}}]}
`);
}
