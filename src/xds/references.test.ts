import assert from 'node:assert/strict';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
} from '../gen/envoy/service/discovery/v3/discovery_pb.ts';
import { type Resource, type ResourceType, resourceTypes } from '../mesh/envoy/resource.ts';
import { edsNameOf, mentions, routeTableOf } from './references.ts';
import { cluster, routeTable, scope, virtualHost } from './testing/resources.ts';
import { deltaResponse, encodedSize, sotwResponse } from './wire.ts';

describe('names inside encoded resources', () => {
  it('finds the endpoints that a cluster asks for', () => {
    assert.equal(edsNameOf(cluster('a')), 'a-eds');
    assert.equal(edsNameOf(cluster('a', '', { edsClusterConfig: { serviceName: '' } })), 'a');
    const { edsClusterConfig: _, ...rest } = fromBinary(ClusterSchema, cluster('a').body);
    const body = toBinary(ClusterSchema, create(ClusterSchema, rest));
    assert.equal(edsNameOf({ ...cluster('a'), body }), undefined);
  });

  it('finds the table that a scope points to', () => {
    assert.equal(routeTableOf(scope('s', 'table')), 'table');
    assert.equal(routeTableOf(scope('s', '')), undefined);
  });

  it('finds the clusters that a table names', () => {
    const table = routeTable('t', [virtualHost('h', 'default/shop:80')]);
    assert.ok(mentions(table, 'default/shop:80'));
    assert.ok(!mentions(table, 'default/shop:81'));
  });

  it('takes garbage for something without names', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (body) => {
        const garbage = { ...cluster('a'), body };
        edsNameOf(garbage);
        routeTableOf(garbage);
      }),
    );
  });
});

describe('responses put together by hand', () => {
  const resource: fc.Arbitrary<Resource> = fc.record({
    type: fc.constantFrom(...(Object.keys(resourceTypes) as ResourceType[])),
    name: fc.string({ unit: 'grapheme', maxLength: 300 }),
    version: fc.string({ maxLength: 30 }),
    body: fc.uint8Array({ maxLength: 40_000 }),
    origins: fc.constant([]),
  });

  it('are what the protos say', () => {
    fc.assert(
      fc.property(fc.array(resource, { maxLength: 5 }), fc.array(fc.string()), (resources, removed) => {
        const delta = fromBinary(DeltaDiscoveryResponseSchema, deltaResponse('routes', 'n1', resources, removed));
        assert.deepEqual([delta.nonce, delta.typeUrl, delta.removedResources], ['n1', resourceTypes.routes, removed]);
        assert.deepEqual(
          delta.resources.map((one) => [one.name, one.version, one.resource?.typeUrl, one.resource?.value].map(plain)),
          resources.map((one) => [one.name, one.version, resourceTypes[one.type], one.body].map(plain)),
        );
        const sotw = fromBinary(DiscoveryResponseSchema, sotwResponse('routes', 'n2', 'v', resources));
        assert.deepEqual([sotw.nonce, sotw.versionInfo, sotw.typeUrl], ['n2', 'v', resourceTypes.routes]);
        assert.deepEqual(
          sotw.resources.map((any) => [any.typeUrl, plain(any.value)]),
          resources.map((one) => [resourceTypes[one.type], plain(one.body)]),
        );
        for (const one of resources) {
          const alone = deltaResponse('routes', '', [one], []).length - deltaResponse('routes', '', [], []).length;
          assert.equal(encodedSize('delta', one), alone);
        }
      }),
    );
  });

  const plain = <T>(value: T) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value);
});
