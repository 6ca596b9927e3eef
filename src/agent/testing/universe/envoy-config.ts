/** For tests only: CiliumEnvoyConfigs of both kinds. */
import fc from 'fast-check';
import { created, meta, namespace, ofKind, optional, secretName, service } from './common.ts';

const envoyType = (name: string) => ({ '@type': `type.googleapis.com/envoy.${name}` });
const manager = (routes: object) => ({
  name: 'envoy.filters.network.http_connection_manager',
  typed_config: {
    ...envoyType('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'p',
    http_filters: [{ name: 'envoy.filters.http.router' }],
    ...routes,
  },
});
const cluster = fc.constantFrom('default/web', 'default/web:80', 'own', 'nobody', '/envoy-admin');
const envoyResource = fc.oneof(
  fc
    .record({
      name: fc.constantFrom('one', 'two'),
      table: fc.constantFrom('table', 'none'),
      port: optional(fc.constant(9100)),
    })
    .map(({ name, table, port }) => ({
      ...envoyType('config.listener.v3.Listener'),
      name,
      ...(port === undefined ? {} : { address: { socket_address: { address: '127.0.0.1', port_value: port } } }),
      filter_chains: [{ filters: [manager({ rds: { route_config_name: table } })] }],
    })),
  cluster.map((name) => ({
    ...envoyType('config.route.v3.RouteConfiguration'),
    name: 'table',
    virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: name } }] }],
  })),
  fc.constantFrom('EDS', 'STRICT_DNS').map((type) => ({
    ...envoyType('config.cluster.v3.Cluster'),
    name: 'own',
    connect_timeout: '1s',
    type,
  })),
  secretName.map((name) => ({
    ...envoyType('config.cluster.v3.Cluster'),
    name: 'secure',
    type: 'EDS',
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        ...envoyType('extensions.transport_sockets.tls.v3.UpstreamTlsContext'),
        common_tls_context: { tls_certificate_sds_secret_configs: [{ name: `default/${name}` }] },
      },
    },
  })),
  fc.constant({ ...envoyType('config.cluster.v3.Cluster'), name: 'bad', no_such_field: 1 }),
  fc.constant({ ...envoyType('config.nothing.v3.Nothing'), name: 'x' }),
);
const envoyConfigSpec = fc.record({
  services: fc.array(fc.record({ name: service, namespace: optional(namespace) }), { maxLength: 1 }),
  backendServices: fc.array(fc.record({ name: service, namespace: optional(namespace) }), { maxLength: 2 }),
  resources: fc.uniqueArray(envoyResource, { minLength: 1, maxLength: 4, selector: ({ name }) => name }),
});
export const envoyConfigs = fc.oneof(
  ofKind('cilium.io/v2', 'CiliumEnvoyConfig', { metadata: meta(['cec', 'second']), spec: envoyConfigSpec }),
  ofKind('cilium.io/v2', 'CiliumClusterwideEnvoyConfig', {
    metadata: fc.record({ name: fc.constantFrom('cec'), creationTimestamp: created }),
    spec: envoyConfigSpec,
  }),
);
