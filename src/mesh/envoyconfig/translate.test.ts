import assert from 'node:assert/strict';
import { rig } from './testing/rig.ts';

const type = (name: string) => `type.googleapis.com/envoy.${name}`;
const hcmType = type('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager');

/** A CiliumEnvoyConfig whose resources are given as flow YAML, one a line. */
function config(name: string, resources: string[], rest = '', namespace = 'default'): string {
  const kind = namespace === '' ? 'CiliumClusterwideEnvoyConfig' : 'CiliumEnvoyConfig';
  const metadata = namespace === '' ? `{name: ${name}}` : `{name: ${name}, namespace: ${namespace}}`;
  const list = resources.map((resource) => `  - ${resource}`).join('\n');
  return `apiVersion: cilium.io/v2\nkind: ${kind}\nmetadata: ${metadata}\nspec:\n${rest}  resources:\n${list}\n---\n`;
}
const listener = (name: string, hcm = '', more = '') =>
  `{"@type": ${type('config.listener.v3.Listener')}, name: ${name}, filter_chains: [{filters: [{name: hcm, typed_config: ` +
  `{"@type": ${hcmType}, stat_prefix: x, ${hcm || 'rds: {route_config_name: r}'}}}]}]${more}}`;
const routes = (name: string, action: string) =>
  `{"@type": ${type('config.route.v3.RouteConfiguration')}, name: ${name}, virtual_hosts: [{name: h, domains: ["*"], ` +
  `routes: [{match: {prefix: /}, route: {${action}}}]}]}`;
const eds = (name: string, more = '') =>
  `{"@type": ${type('config.cluster.v3.Cluster')}, name: "${name}", type: EDS${more}}`;
const at = (port: number, address = '127.0.0.1') =>
  `, address: {socket_address: {address: "${address}", port_value: ${port}}}`;

const service = (name: string, ports = '[{port: 80, name: http}]', more = '') =>
  `{apiVersion: v1, kind: Service, metadata: {name: ${name}, namespace: default}, spec: {ports: ${ports}${more}}}\n---\n`;
const slice = (name: string, address: string, port = 'http') => `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}-x, namespace: default, labels: {kubernetes.io/service-name: ${name}}}
addressType: IPv4
ports: [{name: ${port}, port: 8080, protocol: TCP}]
endpoints: [{addresses: [${address}], conditions: {ready: true}}]
---
`;
const json = (value: unknown) => JSON.stringify(value);

describe('envoyconfig', () => {
  it('qualifies names and the references to them, and fills in what the control plane knows', () => {
    const r = rig();
    r.add(
      config('a', [
        listener('l'),
        routes('r', 'cluster: c'),
        eds('c', ', eds_cluster_config: {service_name: default/s}'),
      ]),
    );
    const all = r.decoded();
    assert.deepEqual(Object.keys(all), [
      'clusters/default/a/c',
      'endpoints/default/a/c',
      'listeners/default/a/l',
      'routes/default/a/r',
    ]);
    assert.match(json(all['listeners/default/a/l']), /"route_config_name":"default\/a\/r"/);
    assert.match(json(all['listeners/default/a/l']), /"config_source":\{"ads":\{\},"resource_api_version":"V3"\}/);
    assert.match(json(all['listeners/default/a/l']), /envoy\.filters\.http\.router/);
    assert.match(json(all['routes/default/a/r']), /"cluster":"default\/a\/c"/);
    assert.match(json(all['clusters/default/a/c']), /"service_name":"default\/a\/c"/);
  });

  it("keeps two objects apart: another's name leads nowhere", () => {
    const r = rig();
    r.add(config('a', [eds('c')]) + config('b', [routes('r', 'cluster: default/a/c')], '', 'other'));
    assert.match(json(r.decoded()['routes/other/b/r']), /"cluster":"other\/b\/default\/a\/c"/);
    assert.ok(r.problems().some((problem) => problem.startsWith('ClusterNotFound spec.resources[0].virtual_hosts[0]')));
  });

  it('never takes a name that Ingress or Gateway uses', () => {
    const r = rig();
    r.add(config('default', [listener('shop')], '', 'ingress'));
    assert.ok(r.resources.has('listeners///ingress/default/shop'));
    assert.ok(!r.resources.has('listeners/ingress/default/shop'));
  });

  it('refuses a bad resource alone', () => {
    const r = rig();
    r.add(config('a', [listener('l'), routes('r', 'clutser: c'), eds('c'), `{"@type": ${hcmType}}`]));
    assert.deepEqual([...r.resources.keys()].sort(), [
      'clusters/default/a/c',
      'endpoints/default/a/c',
      'listeners/default/a/l',
    ]);
    const [unknown] = [...r.diagnostics.values()].flat().filter(({ reason }) => reason === 'UnknownField');
    assert.equal(unknown?.field, 'spec.resources[1].virtual_hosts[0].routes[0].route.clutser');
    assert.ok(r.problems().includes('UnsupportedType spec.resources[3]["@type"]'));
  });

  it('reports names given twice, names missing, listeners without chains', () => {
    const r = rig();
    const empty = `{"@type": ${type('config.listener.v3.Listener')}, name: e}`;
    r.add(config('a', [eds('c'), eds('c'), eds(''), empty]));
    assert.deepEqual(
      r.problems().filter((problem) => !problem.startsWith('EndpointsNotFound')),
      [
        'DuplicateName spec.resources[1].name',
        'MissingField spec.resources[2].name',
        'NoFilterChain spec.resources[3]',
      ],
    );
  });

  it('gives a listener a port that stays, and moves none when others come', () => {
    const r = rig({ ports: { first: 12_000, last: 12_999 } });
    r.add(service('s') + config('a', [listener('l')], '  services: [{name: s}]\n'));
    const [first] = [...r.redirects.values()];
    assert.equal(first?.listener, 'default/a/l');
    assert.ok(first?.bind !== undefined && first.bind.port >= 12_000 && first.bind.port <= 12_999);
    for (let i = 0; i < 20; i++) r.add(config(`b${i}`, [listener('l')]));
    assert.equal([...r.redirects.values()][0]?.bind?.port, first.bind.port);
    const ports = [...r.resources.values()].filter((one) => one.type === 'listeners').length;
    assert.equal(ports, 21);
  });

  it('gives an address that two objects want to the first, and says so to the other', () => {
    const r = rig();
    r.add(config('a', [listener('l', '', at(9000))]) + config('b', [listener('l', '', at(9000, '::'))]));
    assert.deepEqual([...r.resources.keys()], ['listeners/default/a/l']);
    const conflict = [...r.diagnostics.values()].flat().find(({ reason }) => reason === 'PortConflict');
    assert.equal(conflict?.object?.name, 'b');
    assert.match(conflict?.message ?? '', /CiliumEnvoyConfig default\/a listens/);
    r.tables.CiliumEnvoyConfig.delete('default/a');
    r.store.flush();
    assert.deepEqual([...r.resources.keys()], ['listeners/default/b/l']);
  });

  it('finds the listener of a service: by name, or the first; an unknown one is an error', () => {
    const r = rig();
    const services = '  services: [{name: s}, {name: s, listener: m, ports: [80]}, {name: s, listener: lm}]\n';
    r.add(service('s') + config('a', [listener('l'), listener('m')], services));
    assert.deepEqual(
      [...r.redirects.values()].map(({ service: name, ports, listener: to }) => [name, ports, to]),
      [
        ['default/s', [], 'default/a/l'],
        ['default/s', [80], 'default/a/m'],
      ],
    );
    assert.ok(r.problems().includes('ListenerNotFound spec.services[2].listener'));
  });

  it('serves the endpoints of a Service to the clusters of its name, by port number or name', () => {
    const r = rig();
    const ports = '[{port: 80, name: http}, {port: 81, name: admin}]';
    const backend = '  backendServices: [{name: s, number: ["http"]}, {name: t}]\n';
    r.add(
      service('s', ports) +
        slice('s', '10.0.0.1') +
        config('a', [eds('default/s'), eds('default/s:80'), eds('default/s:admin')], backend),
    );
    const all = r.decoded();
    for (const name of ['default/s', 'default/s:80'])
      assert.match(json(all[`endpoints/default/a/${name}`]), /10\.0\.0\.1.*8080/, name);
    assert.doesNotMatch(json(all['endpoints/default/a/default/s:admin']), /10\.0\.0\.1/);
    assert.ok(r.problems().includes('ServiceNotFound spec.backendServices[1]'));
  });

  it('makes a cluster for a listed Service that only a route names, as Ingress would make it', () => {
    const r = rig();
    const ports = '[{port: 80, name: grpc, appProtocol: kubernetes.io/h2c}]';
    r.add(
      service('s', ports) + config('a', [routes('r', 'cluster: default/s:80')], '  backendServices: [{name: s}]\n'),
    );
    const [backend] = [...r.backends.values()];
    assert.equal(backend?.name, 'default/a/default/s:80');
    assert.equal(backend?.protocol, 'http2');
    assert.deepEqual(r.problems(), []);
    r.tables.Service.delete('default/s');
    r.store.flush();
    assert.equal(r.backends.size, 0);
  });

  it('needs no port of an ExternalName Service but the one that a route names, and says so where none does', () => {
    const r = rig();
    const external = `
---
apiVersion: v1
kind: Service
metadata: {name: s, namespace: default}
spec: {type: ExternalName, externalName: example.org}
---
`;
    const listed = (cluster: string) =>
      config('a', [routes('r', `cluster: ${cluster}`)], '  backendServices: [{name: s}]\n');
    r.add(external + listed('default/s'));
    assert.equal(r.backends.size, 0);
    assert.deepEqual(
      r.problems().map((problem) => problem.split(' ')[0]),
      ['PortNotFound'],
    );
    r.add(listed('default/s:80'));
    assert.deepEqual(
      [...r.backends.values()].map((backend) => [backend.name, backend.discovery]),
      [['default/a/default/s:80', { type: 'dns', hostname: 'example.org', port: 80 }]],
    );
    assert.deepEqual(r.problems(), []);
  });

  it('takes the assignment of the object itself before that of a Service', () => {
    const r = rig();
    const own =
      `{"@type": ${type('config.endpoint.v3.ClusterLoadAssignment')}, cluster_name: default/s, endpoints: [{lb_endpoints: ` +
      '[{endpoint: {address: {socket_address: {address: 192.0.2.9, port_value: 1}}}}]}]}';
    r.add(service('s') + slice('s', '10.0.0.1') + config('a', [eds('default/s'), own]));
    assert.match(json(r.decoded()['endpoints/default/a/default/s']), /192\.0\.2\.9/);
  });

  it('gives a cluster whose own assignment is refused an empty one, or Envoy would wait for it', () => {
    const r = rig();
    const own = `{"@type": ${type('config.endpoint.v3.ClusterLoadAssignment')}, cluster_name: c, endpoints: [{priority: 200}]}`;
    r.add(config('a', [eds('c'), own]));
    assert.deepEqual(r.decoded()['endpoints/default/a/c'], { cluster_name: 'default/a/c' });
    assert.ok(r.problems().some((problem) => problem.startsWith('InvalidValue spec.resources[1]')));
  });

  it('says only so much about one object', () => {
    const r = rig();
    const many = Array.from(
      { length: 2000 },
      (_, i) => `{"@type": ${type('config.cluster.v3.Clust')}${i}, name: c${i}, x: 1}`,
    );
    const services = Array.from({ length: 2000 }, (_, i) => `{name: s${i}}`).join(', ');
    r.add(config('a', many, `  backendServices: [${services}]\n`));
    assert.ok(r.problems().length > 0 && r.problems().length < 60, `${r.problems().length}`);
  });

  it('changes nothing but the assignment when an endpoint changes', () => {
    const r = rig();
    r.add(
      service('s') +
        slice('s', '10.0.0.1') +
        config('a', [listener('l'), routes('r', 'cluster: default/s'), eds('default/s')]),
    );
    r.add(config('b', [listener('l'), eds('default/s')]));
    const seen: string[] = [];
    r.resources.observe((changes) => seen.push(...changes.map((change) => change.key)));
    r.add(slice('s', '10.0.0.2'));
    assert.deepEqual(seen.sort(), ['endpoints/default/a/default/s', 'endpoints/default/b/default/s']);
    seen.length = 0;
    r.add(config('b', [listener('l'), eds('default/s', ', connect_timeout: 7s')]));
    assert.deepEqual(seen, ['clusters/default/b/default/s']);
  });

  it("leads to Envoy's admin interface from clusterwide objects only, while one asks for it", () => {
    const r = rig({ adminSocketPath: '/run/admin.sock' });
    r.add(config('n', [routes('r', 'cluster: /envoy-admin')]));
    assert.ok(!r.resources.has('clusters//envoy-admin'));
    assert.ok(r.problems().includes('AdminNotPermitted spec.resources[0].virtual_hosts[0].routes[0].route.cluster'));
    r.add(config('w', [routes('r', 'cluster: envoy-admin')], '', ''));
    assert.match(json(r.decoded()['clusters//envoy-admin']), /\/run\/admin\.sock/);
    r.tables.CiliumClusterwideEnvoyConfig.delete('w');
    r.store.flush();
    assert.ok(!r.resources.has('clusters//envoy-admin'));
    const without = rig();
    without.add(config('w', [routes('r', 'cluster: /envoy-admin')], '', ''));
    assert.deepEqual(without.problems(), ['AdminUnavailable spec.resources']);
  });

  it('obeys the node selector where there is a node, and follows its labels', () => {
    const selector = '  nodeSelector: {matchLabels: {role: infra}}\n';
    const yaml = config('a', [eds('c', ', eds_cluster_config: {service_name: default/s}')], selector);
    const embedded = rig();
    embedded.add(yaml);
    assert.equal(embedded.resources.size, 2);
    const r = rig({ nodeName: 'n1' });
    const node = (role: string) =>
      `{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {role: ${role}}}, status: {}}\n---\n`;
    r.add(yaml + node('worker'));
    assert.equal(r.resources.size, 0);
    r.add(node('infra'));
    assert.equal(r.resources.size, 2);
  });

  it("puts an object's scopes into its own connection managers", () => {
    const scoped =
      'scoped_routes: {name: s, scope_key_builder: {fragments: [{header_value_extractor: {name: x, index: 0}}]}, scoped_rds: {}}';
    const scope = `{"@type": ${type('config.route.v3.ScopedRouteConfiguration')}, name: one, route_configuration_name: r, key: {fragments: [{string_key: k}]}}`;
    const r = rig();
    r.add(config('a', [listener('l', scoped), scope, routes('r', 'cluster: default/s'), eds('default/s')]));
    assert.deepEqual(
      [...r.resources.values()].filter((one) => one.type === 'scoped-routes'),
      [],
    );
    assert.match(
      json(r.decoded()['listeners/default/a/l']),
      /"scoped_route_configurations":\[\{"name":"default\/a\/one".*"route_configuration":\{"name":"default\/a\/r"/,
    );
  });

  it('renames an ECDS filter together with its per-route configuration', () => {
    const buffer = type('extensions.filters.http.buffer.v3.Buffer');
    const filters = `rds: {route_config_name: r}, http_filters: [{name: f, config_discovery: {type_urls: [${buffer}]}}, {name: envoy.filters.http.router}]`;
    const extension = `{"@type": ${type('config.core.v3.TypedExtensionConfig')}, name: f, typed_config: {"@type": ${buffer}, max_request_bytes: 9}}`;
    const table = routes('r', `cluster: c}, typed_per_filter_config: {f: {"@type": ${buffer}PerRoute, disabled: true}`);
    const r = rig();
    r.add(config('a', [listener('l', filters), table, extension]));
    const all = r.decoded();
    assert.match(
      json(all['listeners/default/a/l']),
      /"name":"default\/a\/f","config_discovery":\{"config_source":\{"ads"/,
    );
    assert.match(json(all['routes/default/a/r']), /"typed_per_filter_config":\{"default\/a\/f"/);
    assert.ok('extensions/default/a/f' in all);
  });

  it('refuses an expression that RE2 refuses', () => {
    const r = rig();
    const rewrite = 'cluster: c, regex_rewrite: {pattern: {google_re2: {}, regex: "^/(?!x)"}, substitution: /}';
    r.add(config('a', [routes('r', rewrite), eds('c')]));
    assert.ok(
      r
        .problems()
        .includes('InvalidRegex spec.resources[0].virtual_hosts[0].routes[0].route.regex_rewrite.pattern.regex'),
    );
    assert.ok(!r.resources.has('routes/default/a/r'));
  });
});
