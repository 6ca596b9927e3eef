import assert from 'node:assert/strict';
import { load } from 'js-yaml';
import { Context } from '../../api/schema/index.ts';
import { envoyType } from './descriptors.ts';
import { encodeResource } from './encode.ts';
import { ProtoJson } from './protojson.ts';

function check(type: string, yaml: string): { out: unknown; problems: string[]; hints: (string | undefined)[] } {
  const context = new Context();
  const out = new ProtoJson(context, () => {}).message(envoyType(type), load(yaml));
  const diagnostics = context.diagnostics();
  return {
    out,
    problems: diagnostics.map(({ reason, field }) => `${reason} ${field}`),
    hints: diagnostics.map(({ hint }) => hint),
  };
}
const cluster = (yaml: string) => check('envoy.config.cluster.v3.Cluster', yaml);
const listener = (yaml: string) => check('envoy.config.listener.v3.Listener', yaml);

describe('envoyconfig: protobuf JSON', () => {
  it('takes snake_case and camelCase, and gives back the names of the .proto files', () => {
    const { out, problems } = cluster(
      '{name: a, connectTimeout: 5s, lb_policy: 0, edsClusterConfig: {serviceName: b}}',
    );
    assert.deepEqual(problems, []);
    assert.deepEqual(out, {
      name: 'a',
      connect_timeout: '5s',
      lb_policy: 0,
      eds_cluster_config: { service_name: 'b' },
    });
  });

  it('names the exact place of an unknown field, down into nested configurations', () => {
    const hcm = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
    const { problems, hints } = listener(`
      filter_chains:
      - filters:
        - name: x
          typed_config: {"@type": ${hcm}, route_config: {virtual_hosts: [{domians: ["*"]}]}}`);
    const path = 'filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].domians';
    assert.deepEqual(problems, [`UnknownField ${path}`]);
    assert.match(hints[0] ?? '', /domains/);
  });

  for (const [what, yaml, expected] of [
    ['a number for a duration', '{connect_timeout: 5}', 'WrongType connect_timeout'],
    ['a duration without a unit', '{connect_timeout: "5"}', 'WrongType connect_timeout'],
    ['a duration beyond 10,000 years', '{connect_timeout: 999999999999s}', 'WrongType connect_timeout'],
    ['an enum value that is not there', '{type: EDZ}', 'InvalidValue type'],
    ['an enum number that is not there', '{type: 77}', 'InvalidValue type'],
    ['text for a message', '{load_assignment: x}', 'WrongType load_assignment'],
    ['an object for a list', '{health_checks: {}}', 'WrongType health_checks'],
    ['a list for a map', '{typed_extension_protocol_options: []}', 'WrongType typed_extension_protocol_options'],
    ['a number for text', '{alt_stat_name: 1}', 'WrongType alt_stat_name'],
    ['text for a boolean', '{ignore_health_on_host_removal: "yes"}', 'WrongType ignore_health_on_host_removal'],
    [
      'a negative unsigned number',
      '{per_connection_buffer_limit_bytes: -1}',
      'InvalidValue per_connection_buffer_limit_bytes',
    ],
    ['a broken number', '{per_connection_buffer_limit_bytes: 1.5}', 'WrongType per_connection_buffer_limit_bytes'],
    ['one field twice', '{altStatName: a, alt_stat_name: b}', 'DuplicateField alt_stat_name'],
    ['two of a oneof', '{type: EDS, cluster_type: {name: x}}', 'ConflictingFields cluster_type'],
    [
      'an Any without its type',
      '{transport_socket: {typed_config: {}}}',
      'MissingField transport_socket.typed_config["@type"]',
    ],
    ['an Any that is text', '{transport_socket: {typed_config: x}}', 'WrongType transport_socket.typed_config'],
    ['a struct that is text', '{metadata: {filter_metadata: {a: x}}}', 'WrongType metadata.filter_metadata.a'],
  ] as const)
    it(`refuses ${what}`, () => assert.deepEqual(cluster(yaml).problems, [expected]));

  it('says what an unknown type may have meant', () => {
    const socket = (type: string) => cluster(`{transport_socket: {name: x, typed_config: {"@type": "${type}"}}}`);
    for (const [type, hint] of [
      ['type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContex', /UpstreamTlsContext\?/],
      ['type.googleapis.com/envoy.api.v2.auth.UpstreamTlsContext', /transport_sockets\.tls\.v3\.UpstreamTlsContext\?/],
      ['envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', /write type\.googleapis\.com/],
      ['type.googleapis.com/cilium.BpfMetadata', /remove it/],
      ['type.googleapis.com/x', /reference/],
    ] as const) {
      const { problems, hints } = socket(type);
      assert.deepEqual(problems, ['UnknownType transport_socket.typed_config["@type"]'], type);
      assert.match(hints[0] ?? '', hint);
    }
  });

  it('takes what protobuf has a JSON form of its own for', () => {
    const { problems, out } = cluster(`
      per_connection_buffer_limit_bytes: "32768"
      cleanup_interval: 0.250s
      metadata: {filter_metadata: {a: {b: [1, {c: null}], d: x}}}
      preconnect_policy: {per_upstream_preconnect_ratio: 1.5}
      upstream_bind_config: ~
      typed_extension_protocol_options:
        a: {"@type": type.googleapis.com/google.protobuf.Struct, value: {x: 1}}
        b: {"@type": type.googleapis.com/google.protobuf.Duration, value: 1s}`);
    assert.deepEqual(problems, []);
    const context = new Context();
    const encoded = encodeResource('clusters', 'a', { name: 'a', ...(out as object) }, [], context);
    assert.deepEqual(context.diagnostics(), []);
    assert.ok(encoded !== undefined && encoded.body.length > 0);
  });

  it("reports Envoy's own validation rules at the field", () => {
    const context = new Context();
    const message = {
      name: 'a',
      connect_timeout: '-1s',
      lb_subset_config: { subset_selectors: [{ fallback_policy: 0 }] },
    };
    assert.equal(encodeResource('clusters', 'a', message, [], context), undefined);
    assert.deepEqual(
      context.diagnostics().map(({ reason, field }) => `${reason} ${field}`),
      ['InvalidValue connect_timeout'],
    );
  });
});
