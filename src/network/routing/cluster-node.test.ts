import assert from 'node:assert/strict';
import type { CiliumEndpoint, CiliumNode } from '../../api/index.ts';
import { parseObject } from '../../api/index.ts';
import { ciliumNodeManifest } from './cilium-node-manifest.ts';
import { clusterNodeOf, endpointEntries, podCidrEntries } from './cluster-node.ts';
import { nodeRoutes, type RouteFacts } from './node-routes.ts';

function nodeObject(name: string, addresses: readonly [type: string, ip: string][], podCidrs: string[]): CiliumNode {
  const manifest = ciliumNodeManifest({ name, addresses: addresses.map(([type, ip]) => ({ type, ip })), podCidrs });
  const { object, diagnostics } = parseObject(manifest);
  assert.deepEqual(diagnostics, []);
  return object as CiliumNode;
}

const b = clusterNodeOf(
  nodeObject(
    'b',
    [
      ['ExternalIP', '203.0.113.2'],
      ['InternalIP', '192.0.2.2'],
      ['InternalIP', '2001:DB8:0::2'],
      ['Hostname', '192.0.2.9'],
      ['CiliumInternalIP', '10.1.1.1'],
    ],
    ['10.1.1.0/24', 'fd00:1:1::/64'],
  ),
  'a',
);

describe('nodes of the cluster', () => {
  it('are reached at their internal addresses', () => {
    assert.deepEqual(b, {
      name: 'b',
      isLocal: false,
      addresses: ['203.0.113.2', '192.0.2.2', '2001:db8::2', '10.1.1.1'],
      ipv4: '192.0.2.2',
      ipv6: '2001:db8::2',
      podCidrs: ['10.1.1.0/24', 'fd00:1:1::/64'],
    });
  });

  it('have an entry for each of their Pod CIDRs, with the way there', () => {
    assert.deepEqual(podCidrEntries(b, 'direct'), [
      { prefix: '10.1.1.0/24', identity: 3, source: 'node', way: 'routed' },
      { prefix: 'fd00:1:1::/64', identity: 3, source: 'node', way: 'routed' },
    ]);
    assert.deepEqual(podCidrEntries({ ...b, podCidrs: ['fd00:1:1::/64'] }, 'vxlan'), [
      { prefix: 'fd00:1:1::/64', identity: 3, source: 'node', way: 'tunnel', tunnelEndpoint: '192.0.2.2' },
    ]);
    assert.deepEqual(podCidrEntries({ ...b, isLocal: true, podCidrs: ['10.1.1.0/24'] }, 'vxlan'), [
      { prefix: '10.1.1.0/24', identity: 3, source: 'node', way: 'local' },
    ]);
  });

  it('tell of endpoints once these have an identity', () => {
    const endpoint = (status: Partial<CiliumEndpoint['status']>) =>
      ({
        apiVersion: 'cilium.io/v2',
        kind: 'CiliumEndpoint',
        metadata: { name: 'web', namespace: 'shop', labels: {}, annotations: {}, creationTimestamp: 0, generation: 0 },
        status: { id: 1, namedPorts: [], encryptionKey: 0, ...status },
      }) satisfies CiliumEndpoint;
    const networking = { addressing: [{ ipv4: '10.1.1.7', ipv6: 'fd00:1:1::7' }], node: '192.0.2.2' };
    assert.deepEqual(endpointEntries(endpoint({ networking }), 'vxlan'), []);
    const whole = endpoint({ networking, identity: { id: 300, labels: [] } });
    for (const id of [1, 2, 6, 7, 9, 255, 2 ** 24, 2 ** 25])
      assert.deepEqual(endpointEntries(endpoint({ networking, identity: { id, labels: [] } }), 'direct'), [], `${id}`);
    assert.equal(endpointEntries(endpoint({ networking, identity: { id: 5, labels: [] } }), 'direct').length, 2);
    const rest = { identity: 300, source: 'endpoint', pod: { namespace: 'shop', name: 'web' } };
    assert.deepEqual(endpointEntries(whole, 'vxlan'), [
      { prefix: '10.1.1.7/32', ...rest, way: 'tunnel', tunnelEndpoint: '192.0.2.2' },
      { prefix: 'fd00:1:1::7/128', ...rest, way: 'tunnel', tunnelEndpoint: '192.0.2.2' },
    ]);
    assert.deepEqual(
      endpointEntries(whole, 'direct').map(({ way }) => way),
      ['routed', 'routed'],
    );
  });
});

describe('routes to Pods of other nodes', () => {
  const facts: RouteFacts = {
    routing: 'direct',
    attached: [
      { prefix: '10.9.0.1/32', link: 1 },
      { prefix: '192.0.2.1/24', link: 2 },
      { prefix: '2001:db8::1/64', link: 2 },
    ],
    local: { ipv4: '192.0.2.1' },
  };

  it('go by the node, where it is a neighbour', () => {
    assert.deepEqual(nodeRoutes([{ ...b, name: 'a', isLocal: true }, b], facts), {
      routes: [
        { destination: '10.1.1.0/24', link: 2, gateway: '192.0.2.2', onLink: false },
        { destination: 'fd00:1:1::/64', link: 2, gateway: '2001:db8::2', onLink: false },
      ],
      unreachable: [],
    });
  });

  it('are not made where it is none, and that is told', () => {
    const { ipv6: _ipv6, ...v4 } = b;
    assert.deepEqual(nodeRoutes([{ ...v4, ipv4: '198.51.100.2' }], facts), {
      routes: [],
      unreachable: [
        { node: 'b', destination: '10.1.1.0/24', reason: '198.51.100.2 is in no network of this node' },
        { node: 'b', destination: 'fd00:1:1::/64', reason: 'the node has no IPv6 address' },
      ],
    });
  });

  it('go into the tunnel, from the address that the others know', () => {
    const tunnel = { link: 5, gateway4: '169.254.83.1', gateway6: 'fe80::53', mtu: 1450 };
    assert.deepEqual(nodeRoutes([b], { ...facts, routing: 'vxlan', tunnel }).routes, [
      { destination: '10.1.1.0/24', link: 5, gateway: '169.254.83.1', onLink: true, mtu: 1450, source: '192.0.2.1' },
      { destination: 'fd00:1:1::/64', link: 5, gateway: 'fe80::53', onLink: true, mtu: 1450 },
    ]);
  });
});
