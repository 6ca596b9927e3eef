import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { type RunningNode, startNode } from '../src/agent/node.ts';
import { rig } from '../src/mesh/envoyconfig/testing/rig.ts';
import { defaultMeshOptions } from '../src/mesh/model/index.ts';
import { ask, echoBackend, type Seen } from './support/gateway-rig.ts';
import { freePort, temporaryDir } from './support/proxy-rig.ts';
import { until } from './support/until.ts';

const examples = join(import.meta.dirname, '../../shared/inputs/cilium-examples/kubernetes/servicemesh/envoy');

/** A Service and its only endpoint, on this machine. */
function service(namespace: string, name: string, port: number, backend: number): string {
  return `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}}
spec: {ports: [{name: http, port: ${port}}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}-1, namespace: ${namespace}, labels: {kubernetes.io/service-name: ${name}}}
addressType: IPv4
ports: [{name: http, port: ${backend}, protocol: TCP}]
endpoints: [{addresses: [127.0.0.1], conditions: {ready: true}}]
---
`;
}

describe('CiliumEnvoyConfig in a real Envoy', () => {
  const files = readdirSync(examples).filter((file) => /EnvoyConfig/.test(readFileSync(join(examples, file), 'utf8')));
  const seen: Seen[] = [];
  const backends: Server[] = [];
  let dir: ReturnType<typeof temporaryDir>;
  let objects: string;
  let node: RunningNode;
  let adminPort: number;
  let metricsPort: number;
  /** The port that the listener of an object without an address was given: a function of names alone. */
  let portOf: (service: string) => number;

  before(async () => {
    dir = temporaryDir();
    adminPort = await freePort();
    metricsPort = await freePort();
    const texts = new Map<string, string>();
    for (const file of files) {
      const text = readFileSync(join(examples, file), 'utf8');
      texts.set(
        file,
        text
          .replace('port_value: 9901', `port_value: ${adminPort}`)
          .replace('port_value: 9090', `port_value: ${metricsPort}`),
      );
    }
    let services = '';
    for (const [namespace, name] of [
      ['default', 'echo-service'],
      ['default', 'helloworld'],
      ['default', 'helloworld-v1'],
      ['default', 'helloworld-v2'],
      ['cilium-test', 'echo-same-node'],
      ['cilium-test', 'echo-other-node'],
    ] as const) {
      const { server, port } = await echoBackend(name, seen);
      backends.push(server);
      services += service(namespace, name, 8080, port);
    }
    texts.set('services.yaml', services);
    // Of the two that differ in their node selector alone; here every node is selected.
    texts.delete('envoy-admin-listener.yaml');
    objects = join(dir.path, 'objects');
    mkdirSync(objects);
    const shadow = rig();
    for (const [file, text] of texts) {
      writeFileSync(join(objects, file), text);
      shadow.add(text);
    }
    const redirects = new Map(
      [...shadow.redirects.values()].map((redirect) => [redirect.service, redirect.bind?.port ?? 0]),
    );
    portOf = (name) => redirects.get(name) ?? 0;
    node = await startNode({
      version: 'test',
      paths: [objects],
      stateDir: join(dir.path, 'state'),
      mesh: defaultMeshOptions,
      envoy: { stats: 'full', drainTime: 0, concurrency: 1 },
      log: { level: 'silent', format: 'json' },
    });
  });
  after(async () => {
    await node?.close();
    for (const server of backends) server.close();
    dir[Symbol.dispose]();
  });

  const rejected = () => node.diagnostics().filter(({ severity }) => severity === 'error');

  it("accepts every example of Cilium's", () => {
    assert.ok(files.length >= 6);
    assert.deepEqual(rejected(), []);
    assert.deepEqual(node.diagnostics(), []);
  });

  it('serves a weighted split', async () => {
    const counts: Record<string, number> = {};
    for (let i = 0; i < 200; i++) {
      const { status, seen: by } = await ask(portOf('default/helloworld'), '/hello');
      assert.equal(status, 200);
      counts[by.backend] = (counts[by.backend] ?? 0) + 1;
    }
    assert.deepEqual(Object.keys(counts).sort(), ['helloworld-v1', 'helloworld-v2']);
    assert.ok((counts['helloworld-v1'] ?? 0) > (counts['helloworld-v2'] ?? 0), JSON.stringify(counts));
  });

  it('serves a rewrite by regular expression, and retries', async () => {
    const port = portOf('cilium-test/echo-same-node');
    assert.equal(port, portOf('cilium-test/echo-other-node'));
    assert.equal((await ask(port, '/foo/bar')).seen.path, '/');
    assert.equal((await ask(port, '/other')).seen.path, '/other');
    assert.equal((await ask(port, '/other?status=503&id=1')).status, 200);
  });

  it('serves through a circuit breaker', async () => {
    const { status, seen: by } = await ask(portOf('default/echo-service'), '/');
    assert.deepEqual([status, by.backend], [200, 'echo-service']);
  });

  it("serves Envoy's admin interface and its metrics, also by IPv4 on a listener for both", async () => {
    const ready = await fetch(`http://127.0.0.1:${adminPort}/ready`);
    assert.equal((await ready.text()).trim(), 'LIVE');
    const metrics = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
    assert.equal(metrics.status, 200);
    assert.match(await metrics.text(), /^envoy_/m);
    assert.equal((await fetch(`http://127.0.0.1:${metricsPort}/ready`)).status, 404);
  });

  it('takes every type of resource', async () => {
    const port = await freePort();
    const { server, port: backend } = await echoBackend('all', seen);
    backends.push(server);
    writeFileSync(join(objects, 'all.yaml'), allTypes(port, backend));
    await until('the route through scopes answers', async () => {
      const answer = await ask(port, '/', { headers: { 'x-scope': 'one' } }).catch(() => undefined);
      return answer?.status === 200 && answer.seen.backend === 'all';
    });
    assert.equal(
      (await ask(port, '/', { method: 'POST', body: 'much too long for it', headers: { 'x-scope': 'one' } })).status,
      413,
    );
    assert.deepEqual(rejected(), []);
  });

  it('brings what only Envoy can know back to its object, and harms nothing else', async () => {
    const table = `
    - name: a
      domains: ["same"]
    - name: b
      domains: ["same"]`;
    const bad = join(objects, 'bad.yaml');
    writeFileSync(
      bad,
      `apiVersion: cilium.io/v2
kind: CiliumEnvoyConfig
metadata: {name: bad}
spec:
  resources:
  - "@type": type.googleapis.com/envoy.config.listener.v3.Listener
    name: l
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bad
          rds: {route_config_name: r}
  - "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
    name: r
    virtual_hosts:${table}
`,
    );
    await until('Envoy refuses the table', () => rejected().length > 0);
    const [one] = rejected();
    assert.equal(one?.object?.name, 'bad');
    assert.match(one?.message ?? '', /domain/i);
    assert.equal((await ask(portOf('default/echo-service'), '/')).status, 200);
    rmSync(bad);
    await until('the refusal goes with its object', () => rejected().length === 0);
  });
});

/** A connection manager with scopes, a filter by ECDS, TLS to the backend by none, an assignment of its own. */
function allTypes(port: number, backend: number): string {
  const buffer = 'type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer';
  return `
apiVersion: cilium.io/v2
kind: CiliumEnvoyConfig
metadata: {name: all}
spec:
  resources:
  - "@type": type.googleapis.com/envoy.config.listener.v3.Listener
    name: l
    address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: all
          scoped_routes:
            name: scopes
            scope_key_builder: {fragments: [{header_value_extractor: {name: x-scope, index: 0}}]}
            scoped_rds: {}
          http_filters:
          - {name: limit, config_discovery: {type_urls: ["${buffer}"]}}
          - name: envoy.filters.http.router
  - "@type": type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration
    name: one
    route_configuration_name: r
    key: {fragments: [{string_key: one}]}
  - "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
    name: r
    virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: c}}]}]
  - "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
    name: c
    type: EDS
    connect_timeout: 5s
  - "@type": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment
    cluster_name: c
    endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${backend}}}}}]}]
  - "@type": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig
    name: limit
    typed_config: {"@type": "${buffer}", max_request_bytes: 8}
`;
}
