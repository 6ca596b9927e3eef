import assert from 'node:assert/strict';
import type { Gateway } from '../../api/index.ts';
import { parseObject } from '../../api/parse.ts';
import { gatewayServiceKey, gatewayServiceOf } from './load-balancer-service.ts';

function gateway(name: string, spec: object = {}, uid?: string): Gateway {
  const { object } = parseObject({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name, namespace: 'store', ...(uid === undefined ? {} : { uid }) },
    spec: { gatewayClassName: 'cilium', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }], ...spec },
  });
  return object as Gateway;
}

describe('load balancer Service of a Gateway', () => {
  it('has a port for each socket, no selector, and belongs to the Gateway', () => {
    assert.deepEqual(
      gatewayServiceOf(gateway('shop', {}, 'u-1'), ['tcp/443', 'udp/53', 'tcp/80', 'tcp/53', 'tcp/80']),
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: {
          name: 'cilium-gateway-shop',
          namespace: 'store',
          labels: { 'io.cilium.gateway/owning-gateway': 'shop', 'gateway.networking.k8s.io/gateway-name': 'shop' },
          annotations: {},
          ownerReferences: [
            { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name: 'shop', controller: true, uid: 'u-1' },
          ],
        },
        spec: {
          type: 'LoadBalancer',
          ports: [
            { name: 'tcp-53', protocol: 'TCP', port: 53 },
            { name: 'udp-53', protocol: 'UDP', port: 53 },
            { name: 'tcp-80', protocol: 'TCP', port: 80 },
            { name: 'tcp-443', protocol: 'TCP', port: 443 },
          ],
          externalTrafficPolicy: 'Cluster',
          allocateLoadBalancerNodePorts: false,
        },
      },
    );
  });

  it('takes labels and annotations of the infrastructure, but not those that say whose it is', () => {
    const { metadata } = gatewayServiceOf(
      gateway('shop', {
        infrastructure: {
          labels: { team: 'web', 'gateway.networking.k8s.io/gateway-name': 'other' },
          annotations: { 'example.com/tier': 'edge' },
        },
      }),
      ['tcp/80'],
    )!;
    assert.equal(metadata.labels.team, 'web');
    assert.equal(metadata.labels['gateway.networking.k8s.io/gateway-name'], 'shop');
    assert.deepEqual(metadata.annotations, { 'example.com/tier': 'edge' });
  });

  it('asks for the addresses that the Gateway asks for', () => {
    const addresses = [
      { type: 'IPAddress', value: '10.1.0.1' },
      { type: 'Hostname', value: 'shop.example.com' },
      { type: 'IPAddress', value: '2001:db8::1' },
    ];
    assert.deepEqual(gatewayServiceOf(gateway('shop', { addresses }), ['tcp/80'])?.metadata.annotations, {
      'lbipam.cilium.io/ips': '10.1.0.1,2001:db8::1',
    });
  });

  it('is none where nothing listens', () => {
    assert.equal(gatewayServiceOf(gateway('shop'), []), undefined);
  });

  it('has a name and labels of at most 63 characters that no other Gateway has', () => {
    const long = 'a'.repeat(200);
    const [one, other] = [`${long}1`, `${long}2`].map((name) => gatewayServiceOf(gateway(name), ['tcp/80'])!.metadata);
    assert.equal(one!.name.length, 63);
    assert.notEqual(one!.name, other!.name);
    for (const value of Object.values(one!.labels)) assert.ok(value.length <= 63, value);
    assert.equal(gatewayServiceKey(gateway(`${long}1`)), `store/${one!.name}`);
    assert.match(gatewayServiceOf(gateway('shop.example'), ['tcp/80'])!.metadata.name, /^cilium-gateway-shop-example-/);
  });
});
