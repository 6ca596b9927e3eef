import assert from 'node:assert/strict';
import { create, createRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ClusterSchema } from '../../gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteSchema, VirtualHostSchema } from '../../gen/envoy/config/route/v3/route_components_pb.ts';
import { HttpConnectionManagerSchema } from '../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { pack } from '../../lib/protobuf-encode.ts';
import { violations } from './validate.ts';

const route = (value: object, match: object = { pathSpecifier: { case: 'prefix', value: '/' } }) => ({
  match,
  action: { case: 'route', value: { clusterSpecifier: { case: 'cluster', value: 'a' }, ...value } },
});

describe('validation by the rules of the protos', () => {
  it('finds nothing wrong with a good message, as init and as message', () => {
    const host = { name: 'a', domains: ['a.example.com'], routes: [route({ timeout: { seconds: 0n } })] };
    assert.deepEqual(violations(VirtualHostSchema, host as never), []);
    assert.deepEqual(violations(VirtualHostSchema, create(VirtualHostSchema, host as never)), []);
  });

  it('names what breaks a rule, with its path', () => {
    const cases: [object, string][] = [
      [{ name: 'a', domains: [] }, 'domains: at least 1 needed'],
      [{ name: '', domains: ['a'] }, 'name: must not be empty'],
      [{ name: 'a', domains: ['a\nb'] }, 'domains[0]: "a\\nb" is not allowed in an HTTP header'],
      [{ name: 'a', domains: ['a'], requireTls: 77 }, 'requireTls: 77 is no value of TlsRequirementType'],
      [
        { name: 'a', domains: ['a'], routes: [{ match: { pathSpecifier: { case: 'path', value: '/' } } }] },
        'routes[0].action: one of route, redirect, direct_response, filter_action, non_forwarding_action must be set',
      ],
      [
        { name: 'a', domains: ['a'], routes: [{ action: { case: 'nonForwardingAction', value: {} } }] },
        'routes[0].match: must be set',
      ],
      [
        { name: 'a', domains: ['a'], routes: [route({ clusterSpecifier: { case: 'cluster', value: '' } })] },
        'routes[0].route.cluster: must not be empty',
      ],
      [
        {
          name: 'a',
          domains: ['a'],
          requestHeadersToAdd: [{ header: { key: '', value: 'x' } }],
        },
        'requestHeadersToAdd[0].header.key: must not be empty',
      ],
    ];
    for (const [host, expected] of cases) {
      assert.deepEqual(violations(VirtualHostSchema, host as never), [expected]);
      const message = fromBinary(
        VirtualHostSchema,
        toBinary(VirtualHostSchema, create(VirtualHostSchema, host as never)),
      );
      assert.deepEqual(violations(VirtualHostSchema, message), [expected]);
    }
  });

  it('checks durations, numbers, wrappers and patterns', () => {
    assert.deepEqual(violations(ClusterSchema, { name: 'a', connectTimeout: { seconds: -1n } }), [
      'connectTimeout: must be more than 0s, not -1s',
    ]);
    assert.deepEqual(
      violations(RouteSchema, route({}, { pathSpecifier: { case: 'pathSeparatedPrefix', value: '/a/' } }) as never),
      ['match.pathSeparatedPrefix: "/a/" must match ^[^?#]+[^?#/]$'],
    );
    const endpoints = (weight: number) => ({
      clusterName: 'a',
      endpoints: [{ lbEndpoints: [{ loadBalancingWeight: weight }], priority: 200 }],
    });
    assert.deepEqual(violations(ClusterLoadAssignmentSchema, endpoints(0) as never), [
      'endpoints[0].priority: must be at most 128, not 200',
      'endpoints[0].lbEndpoints[0].loadBalancingWeight: must be at least 1, not 0',
    ]);
  });

  it('looks into an Any whose type it knows', () => {
    const listener = {
      filterChains: [
        {
          filters: [
            { name: 'hcm', configType: { case: 'typedConfig' as const, value: pack(HttpConnectionManagerSchema, {}) } },
          ],
        },
      ],
    };
    assert.deepEqual(violations(ListenerSchema, listener), []);
    assert.deepEqual(violations(ListenerSchema, listener, createRegistry(HttpConnectionManagerSchema)), [
      'filterChains[0].filters[0].typedConfig.statPrefix: must not be empty',
      'filterChains[0].filters[0].typedConfig.routeSpecifier: one of rds, route_config, scoped_routes must be set',
    ]);
  });
});
