import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseObject } from '../../api/index.ts';
import type { Endpoint } from './endpoint.ts';
import { formatEndpointRecord, parseEndpointRecord } from './endpoint-record.ts';
import { ciliumEndpointManifest, ciliumIdentityManifest } from './manifests.ts';

const endpoint: Endpoint = {
  id: 7,
  containerId: 'c0ffee',
  ifname: 'eth0',
  netns: '/run/netns/pod',
  hostInterface: 'slu0123456789a',
  hostIfindex: 12,
  addresses: { ipv4: '10.1.0.7', ipv6: 'fd00:1::7' },
  macs: { pod: '02:00:00:00:00:01', host: '02:00:00:00:00:02' },
  pod: { namespace: 'shop', name: 'web-0', uid: 'b5b2' },
  chained: false,
  labels: ['k8s:app=web', 'k8s:io.kubernetes.pod.namespace=shop'],
  identity: 300,
  namedPorts: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  state: 'ready',
  created: 1_700_000_000_000,
};

describe('the record of an endpoint', () => {
  it('is read as it was written', () => {
    assert.deepEqual(parseEndpointRecord(formatEndpointRecord(endpoint)), endpoint);
    const { identity: _identity, ...waiting } = endpoint;
    assert.deepEqual(parseEndpointRecord(formatEndpointRecord(waiting)), waiting);
    const external = {
      labels: ['container:app=web'],
      containerName: 'web',
      dockerEndpointId: 'd0',
      dockerNetworkId: 'd1',
    };
    const foreign = { ...endpoint, external, userLabels: ['unspec:tier=front'], audit: true };
    assert.deepEqual(parseEndpointRecord(formatEndpointRecord(foreign)), foreign);
  });

  it('is not believed where it is cut off, of another version, or has a field that no endpoint can have', () => {
    const text = formatEndpointRecord(endpoint);
    for (let length = 0; length < text.trimEnd().length; length++)
      assert.equal(parseEndpointRecord(text.slice(0, length)), undefined);
    assert.equal(parseEndpointRecord(text.replace('"version": 1', '"version": 2')), undefined);
    const wrong: Partial<Record<keyof Endpoint, unknown>> = {
      id: 0,
      hostIfindex: -1,
      netns: 1,
      addresses: { ipv4: 'fd00::1' },
      macs: { pod: '02', host: '02:00:00:00:00:02' },
      pod: {},
      labels: [1],
      identity: 2 ** 24,
      namedPorts: [{ name: 'http', port: 0, protocol: 'TCP' }],
      state: 'happy',
      chained: 'no',
      created: 'today',
      userLabels: 'tier=front',
      audit: 1,
      external: { labels: [], containerName: 1 },
    };
    for (const [field, value] of Object.entries(wrong))
      assert.equal(parseEndpointRecord(formatEndpointRecord({ ...endpoint, [field]: value })), undefined, field);
  });

  it('may be anything at all without anything being thrown', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        assert.equal(parseEndpointRecord(text), undefined);
      }),
    );
  });
});

describe('what a node tells of an endpoint', () => {
  it('is a CiliumEndpoint that reads back with all that other nodes need', () => {
    const { object, diagnostics } = parseObject(ciliumEndpointManifest(endpoint, '192.0.2.1'));
    assert.deepEqual(diagnostics, []);
    assert.ok(object?.kind === 'CiliumEndpoint');
    assert.equal(object.metadata.name, 'web-0');
    assert.equal(object.metadata.namespace, 'shop');
    assert.deepEqual(object.status.identity, { id: 300, labels: endpoint.labels });
    assert.deepEqual(object.status.networking, { addressing: [endpoint.addresses], node: '192.0.2.1' });
    assert.deepEqual(object.status.namedPorts, endpoint.namedPorts);
    assert.equal(object.status.state, 'ready');
  });

  it('is a CiliumIdentity that reads back with the same labels, those that Kubernetes takes as labels too', () => {
    const odd = [
      `${'x'.repeat(64)}=y`,
      'quarantine=a/b',
      'a b=c',
      'a/b/c=d',
      'Example.com/a=b',
      '-a=b',
      `a=${'x'.repeat(64)}`,
    ];
    const labels = [...endpoint.labels, ...odd.map((label) => `k8s:${label}`)];
    const manifest = ciliumIdentityManifest({ id: 300, labels });
    const { object, diagnostics } = parseObject(manifest);
    assert.deepEqual(diagnostics, []);
    assert.ok(object?.kind === 'CiliumIdentity');
    assert.equal(object.id, 300);
    assert.equal(object.securityLabels['k8s:app'], 'web');
    assert.equal(object.securityLabels['k8s:quarantine'], 'a/b');
    assert.deepEqual(manifest.metadata.labels, { app: 'web', 'io.kubernetes.pod.namespace': 'shop' });
  });
});
