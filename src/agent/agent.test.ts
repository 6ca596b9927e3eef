import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FakeApiServer } from '../kube/testing/fake-api-server.ts';
import { defaultMeshOptions } from '../mesh/model/index.ts';
import { sharedPaths } from '../proxy/index.ts';
import { XdsClient } from '../xds/testing/client.ts';
import { startAgent } from './agent.ts';
import type { AgentOptions } from './agent-options.ts';
import { Parts } from './parts/parts.ts';

const ingress = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: { name: 'shop', namespace: 'default' },
  spec: {
    ingressClassName: 'cilium',
    tls: [{ hosts: ['shop.test'], secretName: 'shop' }],
    defaultBackend: { service: { name: 'web', port: { number: 80 } } },
  },
};
const service = (name: string, ip?: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { ports: [{ port: 80 }], ...(ip === undefined ? {} : { type: 'LoadBalancer' }) },
  ...(ip === undefined ? {} : { status: { loadBalancer: { ingress: [{ ip }] } } }),
});

describe('agent of a node', () => {
  let stateDir: string;
  let server: FakeApiServer;
  let stop: AbortController;
  let parts: Parts;
  let running: Promise<unknown>;
  const clients: XdsClient[] = [];

  beforeEach(async () => {
    stateDir = mkdtempSync(join(tmpdir(), 'sluice-agent-'));
    server = await FakeApiServer.start();
    server.write(ingress);
    server.write(service('web'));
    server.write(service('cilium-ingress-shop', '10.9.0.1'));
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await end();
    await server.down();
    rmSync(stateDir, { recursive: true });
  });

  function start(options: Partial<AgentOptions> = {}): void {
    const connected = server.connect();
    const kubeconfig = join(stateDir, 'kubeconfig');
    const cluster = { name: 'c', cluster: { server: connected.server } };
    const context = { name: 'x', context: { cluster: 'c', user: 'u' } };
    const user = { name: 'u', user: { token: 'secret' } };
    const config = { clusters: [cluster], contexts: [context], users: [user], 'current-context': 'x' };
    writeFileSync(kubeconfig, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...config }));
    connected.close();
    stop = new AbortController();
    parts = new Parts();
    running = startAgent(
      parts,
      {
        ...{ version: '1', node: 'n1', namespace: 'kube-system', stateDir, kube: { kubeconfig } },
        mesh: { ...defaultMeshOptions, gatewayAddresses: 'service', httpPort: 80, httpsPort: 443 },
        features: { ingress: true, gatewayApi: false, envoyConfig: false },
        envoyProcess: 'external',
        envoy: { stats: 'minimal', drainTime: 0 },
        log: { level: 'silent', format: 'json' },
        ...options,
      },
      stop.signal,
    );
    // There is no Envoy here, so it is never over.
    running.catch(() => {});
  }
  async function end(): Promise<void> {
    stop.abort();
    await running.catch(() => {});
    await parts.close();
  }
  const sockets = () => existsSync(sharedPaths(stateDir).xdsSocket);
  /** Waits for what happens in the file system. */
  async function until(what: string, holds: () => boolean): Promise<void> {
    for (const end = performance.now() + 10_000; !holds(); await delay(5))
      assert.ok(performance.now() < end, `no ${what} within 10 s`);
  }

  const asked = (path: string) => server.requests.some((request) => request.includes(path));

  it('gives Envoy its bootstrap at once, for the node by its name', async () => {
    server.intercept = () => 503;
    start();
    const { bootstrap, envoyDir } = sharedPaths(stateDir);
    await until('the bootstrap', () => existsSync(bootstrap));
    const written = JSON.parse(readFileSync(bootstrap, 'utf8'));
    assert.equal(written.node.id, 'n1');
    assert.equal(written.admin.address.pipe.path, join(envoyDir, 'admin.sock'));
    assert.ok(!sockets());
  });

  it('serves nothing before all kinds are read, and what they refer to', async () => {
    const held: ServerResponse[] = [];
    let holding = true;
    server.intercept = (_request, response, { pathname, search }) => {
      if (!holding || !/endpointslices|metadata.name=/.test(pathname + decodeURIComponent(search))) return false;
      held.push(response);
      return true;
    };
    // Whatever is held now is given up, and asked for again.
    const release = () => {
      for (const response of held.splice(0)) response.writeHead(503).end('{}');
    };
    start();
    await server.until(() => asked('endpointslices') && server.openWatches.includes('Ingress'));
    assert.ok(!asked('secrets'));
    assert.ok(!sockets());
    holding = false;
    release();
    await server.until(() => server.openWatches.includes('EndpointSlice'));
    await until('the xDS socket', sockets);
    assert.ok(asked('secrets'));
  });

  it('is resumed by an Envoy that was there before, and sends it nothing again', async () => {
    start();
    await until('the xDS socket', sockets);
    const client = new XdsClient({ protocol: 'delta', target: { unix: sharedPaths(stateDir).xdsSocket } });
    clients.push(client);
    for (const type of ['clusters', 'listeners'] as const) client.subscribe(type);
    client.subscribe('routes', ['ingress/default/shop/http']);
    await client.until(() => client.names('listeners').length === 1 && client.names('routes').length === 1);
    const before = client.log.length;
    client.disconnect();
    await end();
    assert.ok(!sockets());
    start();
    await until('the xDS socket', sockets);
    client.reconnect();
    server.write({ ...ingress, metadata: { ...ingress.metadata, name: 'late' }, spec: { ...ingress.spec, tls: [] } });
    server.write(service('cilium-ingress-late', '10.9.0.2'));
    await client.until(() => client.names('listeners').length === 2);
    const since = client.log.slice(before).map(({ response }) => response);
    assert.deepEqual(
      since.flatMap(({ resources }) => resources.map(({ name }) => name)),
      ['ingress/default/late/http/10.9.0.2'],
    );
    assert.deepEqual(
      since.flatMap(({ removed }) => removed),
      [],
    );
  });
});
