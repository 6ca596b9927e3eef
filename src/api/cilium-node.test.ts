import assert from 'node:assert/strict';
import { accepted, changed, refusals } from './testing/expect.ts';

const node = {
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumNode',
  metadata: { name: 'n1' },
  spec: {
    addresses: [{ type: 'InternalIP', ip: '192.0.2.1' }],
    ipam: { podCIDRs: ['10.1.0.1/24'], 'pre-allocate': 8, 'pod-cidr-release-threshold': 20, pools: { requested: [] } },
    health: { ipv4: '10.1.0.9', ipv6: '' },
    encryption: { key: 3 },
    'instance-id': '',
    eni: { 'vpc-id': 'v' },
  },
  status: {
    ipam: {
      used: { '10.1.0.2': { owner: 'default/a' } },
      'pod-cidrs': { '10.1.0.0/24': { status: 'depleted' } },
      'operator-status': { error: 'no more networks' },
    },
  },
};

describe('CiliumNode', () => {
  it('is read without what no one here uses', () => {
    const { spec, status } = accepted('CiliumNode', node);
    assert.deepEqual(spec, {
      addresses: [{ type: 'InternalIP', ip: '192.0.2.1' }],
      ipam: { podCIDRs: ['10.1.0.0/24'], pool: {}, preAllocate: 8, podCidrReleaseThreshold: 20 },
      health: { ipv4: '10.1.0.9' },
      ingress: {},
      encryptionKey: 3,
    });
    assert.deepEqual(status, {
      ipam: {
        used: { '10.1.0.2': { owner: 'default/a' } },
        podCIDRs: { '10.1.0.0/24': 'depleted' },
        releaseIps: {},
        operatorError: 'no more networks',
      },
    });
  });

  it('may be empty', () => {
    const { spec, status } = accepted('CiliumNode', changed(node, ['spec', undefined], ['status', undefined]));
    assert.deepEqual(spec.ipam, { podCIDRs: [], pool: {} });
    assert.deepEqual(status.ipam, { used: {}, podCIDRs: {}, releaseIps: {} });
  });

  refusals(node, [
    ['a Pod CIDR that is none', [['spec.ipam.podCIDRs', ['10.0.0.1']]], 'spec.ipam.podCIDRs[0]', 'InvalidValue'],
    [
      'a state of a CIDR that is none',
      [['status.ipam.pod-cidrs', { '10.1.0.0/24': { status: 'full' } }]],
      'status.ipam.pod-cidrs["10.1.0.0/24"].status',
      'InvalidValue',
    ],
  ]);
});

const endpoint = {
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumEndpoint',
  metadata: { name: 'a', namespace: 'shop' },
  status: {
    id: 12,
    state: 'ready',
    identity: { id: 4711, labels: ['k8s:b=c', 'k8s:app=a'] },
    networking: { addressing: [{ ipv4: '10.1.0.2', ipv6: '2001:db8::2' }], node: '192.0.2.1' },
    'named-ports': [{ name: 'http', port: 80, protocol: 'tcp' }],
    'external-identifiers': { 'k8s-pod-name': 'a', 'k8s-namespace': 'shop', 'docker-network-id': 'x' },
    policy: { ingress: { enforcing: true } },
  },
};

describe('CiliumEndpoint', () => {
  it('says who a pod is and where', () => {
    assert.deepEqual(accepted('CiliumEndpoint', endpoint).status, {
      id: 12,
      state: 'ready',
      identity: { id: 4711, labels: ['k8s:app=a', 'k8s:b=c'] },
      networking: { addressing: [{ ipv4: '10.1.0.2', ipv6: '2001:db8::2' }], node: '192.0.2.1' },
      namedPorts: [{ name: 'http', port: 80, protocol: 'TCP' }],
      encryptionKey: 0,
      externalIdentifiers: { k8sPodName: 'a', k8sNamespace: 'shop' },
    });
  });

  it('may not be known yet', () => {
    assert.deepEqual(accepted('CiliumEndpoint', changed(endpoint, ['status', undefined])).status, {
      id: 0,
      namedPorts: [],
      encryptionKey: 0,
    });
  });

  refusals(endpoint, [
    [
      'an address that is none',
      [['status.networking.addressing', [{ ipv4: 'a' }]]],
      'status.networking.addressing[0].ipv4',
      'InvalidValue',
    ],
    ['an unknown state', [['status.state', 'sleeping']], 'status.state', 'InvalidValue'],
  ]);
});

const identity = {
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumIdentity',
  metadata: { name: '4711', labels: { app: 'a' } },
  'security-labels': { 'k8s:app': 'a', 'k8s:io.kubernetes.pod.namespace': 'shop' },
};

describe('CiliumIdentity', () => {
  it('is a number and labels', () => {
    const { id, securityLabels } = accepted('CiliumIdentity', identity);
    assert.deepEqual({ id, securityLabels }, { id: 4711, securityLabels: identity['security-labels'] });
  });

  refusals(identity, [
    ['a name that is no number', [['metadata.name', 'web']], 'metadata.name', 'InvalidValue'],
    ['a number in another form', [['metadata.name', '04711']], 'metadata.name', 'InvalidValue'],
    ['a number of a node alone', [['metadata.name', '16777216']], 'metadata.name', 'InvalidValue'],
    ['no labels', [['security-labels', undefined]], 'security-labels', 'MissingField'],
  ]);
});
