import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { documents, ingress, service } from './support/kubernetes.ts';
import { fetchHost } from './support/mesh-rig.ts';
import { type NodeRig, startNodeRig } from './support/node-rig.ts';
import { type Prober, startProber } from './support/prober.ts';
import { freePort, startBackend } from './support/proxy-rig.ts';
import { until } from './support/until.ts';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

describe('sluice run: what Envoy refuses at run time', () => {
  let node: NodeRig;
  let backend: { server: Server; port: number };
  let prober: Prober;

  before(async () => {
    backend = await startBackend((_, response) => response.end('hello'));
    node = await startNodeRig({
      files: { 'good.yaml': documents(ingress('good', 'good.test', 'web'), service('web', [backend.port])) },
    });
    await node.served('good.test');
  });
  beforeEach(() => {
    prober = startProber(node.ports.http, 'good.test');
  });
  afterEach(async () => {
    await prober.passes(10);
    assert.deepEqual((await prober.stop()).failures, [], 'everything else is served');
  });
  after(async () => {
    await node?.stop();
    backend?.server.close();
  });

  const config = (address: string, port: number) => `apiVersion: cilium.io/v2
kind: CiliumEnvoyConfig
metadata: {name: direct}
spec:
  resources:
  - "@type": type.googleapis.com/envoy.config.listener.v3.Listener
    name: direct
    address: {socket_address: {address: ${address}, port_value: ${port}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: direct
          route_config:
            virtual_hosts:
            - {name: all, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 204}}]}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
`;

  const gateway = (port: number) => `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  gatewayClassName: cilium
  addresses: [{type: IPAddress, value: 127.0.0.1}]
  listeners: [{name: http, port: ${port}, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: edge}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
`;

  const answersOn = (port: number, status: number) =>
    until(`port ${port} to answer ${status}`, () =>
      fetchHost({ address: '127.0.0.1', port }, 'any.test').then(
        (reply) => reply.status === status,
        () => false,
      ),
    );

  async function occupy(): Promise<{ port: number; free(): Promise<void> }> {
    const server = createServer((socket) => socket.destroy())
      .listen(0, '127.0.0.1')
      .unref();
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    return {
      port,
      free: async () => {
        server.close();
        await once(server, 'close');
      },
    };
  }

  const programmed = async (): Promise<Condition | undefined> => {
    const status = await node.objectStatus('Gateway', 'edge');
    return (status?.conditions as Condition[] | undefined)?.find(({ type }) => type === 'Programmed');
  };

  it("a CiliumEnvoyConfig's listener on a port in use", async () => {
    const taken = await occupy();
    const start = performance.now();
    node.write('direct.yaml', config('127.0.0.1', taken.port));
    const { object, location, message } = await node.diagnosed('PortInUse');
    console.log(`      told after ${Math.round(performance.now() - start)} ms: ${message}`);
    assert.match(message, /cannot bind '127\.0\.0\.1:\d+': Address already in use/);
    assert.deepEqual([object?.kind, object?.name], ['CiliumEnvoyConfig', 'direct']);
    assert.equal(location?.file, join(node.folder, 'direct.yaml'));
    const { xds, problems } = await node.status();
    assert.match(xds[0]?.types.listeners?.rejected[0]?.message ?? '', /Address already in use/);
    assert.ok(problems.length > 0);
    const port = await freePort();
    node.write('direct.yaml', config('127.0.0.1', port));
    await answersOn(port, 204);
    await node.resolved('PortInUse');
    await taken.free();
    node.remove('direct.yaml');
  });

  it('a listener on an address that is not local', async () => {
    const port = await freePort();
    node.write('direct.yaml', config('10.255.255.254', port));
    const { object, message } = await node.diagnosed('AddressNotUsable');
    assert.match(message, /Cannot assign requested address/i);
    assert.equal(object?.name, 'direct');
    node.write('direct.yaml', config('127.0.0.1', port));
    await answersOn(port, 204);
    await node.resolved('AddressNotUsable');
    node.remove('direct.yaml');
  });

  it("a Gateway's listener on a port in use: not Programmed, with Envoy's message, until it moves", async () => {
    const taken = await occupy();
    node.write('edge.yaml', gateway(taken.port));
    const { object, location } = await node.diagnosed('PortInUse');
    assert.deepEqual([object?.kind, object?.name], ['Gateway', 'edge']);
    assert.equal(location?.file, join(node.folder, 'edge.yaml'));
    const condition = await programmed();
    assert.equal(condition?.status, 'False');
    assert.match(condition.message, /Address already in use/);
    const port = await freePort();
    node.write('edge.yaml', gateway(port));
    await answersOn(port, 200);
    await node.resolved('PortInUse');
    assert.equal((await programmed())?.status, 'True');
    node.remove('edge.yaml');
    await taken.free();
  });

  it('is tried again when the port is free, without an edit', async () => {
    const taken = await occupy();
    node.write('edge.yaml', gateway(taken.port));
    await node.diagnosed('PortInUse');
    await taken.free();
    await answersOn(taken.port, 200);
    await node.resolved('PortInUse');
    assert.equal((await programmed())?.status, 'True');
    node.remove('edge.yaml');
  });
});
