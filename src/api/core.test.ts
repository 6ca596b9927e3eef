import assert from 'node:assert/strict';
import { accepted, changed, refusals } from './testing/expect.ts';

const object = (kind: string, more: object, apiVersion = 'v1') => ({
  apiVersion,
  kind,
  metadata: { name: 'a' },
  ...more,
});
const service = object('Service', { spec: { ports: [{ port: 80 }], selector: { app: 'a' } } });

describe('Service', () => {
  it('gets the defaults of the API', () => {
    assert.deepEqual(accepted('Service', service).spec, {
      type: 'ClusterIP',
      ports: [{ name: '', port: 80, protocol: 'TCP', targetPort: 80 }],
      selector: { app: 'a' },
      headless: false,
      clusterIPs: [],
      externalIPs: [],
      ipFamilies: [],
      sessionAffinity: 'None',
      externalTrafficPolicy: 'Cluster',
      internalTrafficPolicy: 'Cluster',
      publishNotReadyAddresses: false,
      loadBalancerSourceRanges: [],
    });
  });

  it('is headless with clusterIP None', () => {
    const { headless, clusterIPs } = accepted('Service', changed(service, ['spec', { clusterIP: 'None' }])).spec;
    assert.deepEqual({ headless, clusterIPs }, { headless: true, clusterIPs: [] });
  });

  it('names another host with type ExternalName', () => {
    const spec = { type: 'ExternalName', externalName: 'a.example.com.' };
    assert.equal(accepted('Service', changed(service, ['spec', spec])).spec.externalName, 'a.example.com');
  });

  it('has sessions of three hours with affinity', () => {
    const read = accepted('Service', changed(service, ['spec.sessionAffinity', 'ClientIP']));
    assert.equal(read.spec.sessionAffinityTimeout, 10_800_000);
  });

  it('takes target ports by name, and fields that we do not read', () => {
    const read = accepted(
      'Service',
      changed(service, ['spec.ports.0.targetPort', 'http'], ['spec.ipFamilies', ['IPv4']]),
    );
    assert.equal(read.spec.ports[0]?.targetPort, 'http');
  });

  refusals(service, [
    ['no ports', [['spec.ports', []]], 'spec.ports', 'MissingField'],
    ['a port as text', [['spec.ports.0.port', '80']], 'spec.ports[0].port', 'WrongType'],
    [
      'several ports without names',
      [['spec.ports', [{ port: 1, name: 'a' }, { port: 2 }]]],
      'spec.ports[1].name',
      'MissingField',
    ],
    [
      'two ports of one name',
      [
        [
          'spec.ports',
          [
            { port: 1, name: 'a' },
            { port: 2, name: 'a' },
          ],
        ],
      ],
      'spec.ports[1].name',
      'DuplicateValue',
    ],
    [
      'the same port twice',
      [
        [
          'spec.ports',
          [
            { port: 1, name: 'a' },
            { port: 1, name: 'b' },
          ],
        ],
      ],
      'spec.ports[1]',
      'DuplicateValue',
    ],
    ['an unknown type', [['spec.type', 'Clusterip']], 'spec.type', 'InvalidValue', /did you mean ClusterIP/],
    ['ExternalName without a name', [['spec.type', 'ExternalName']], 'spec.externalName', 'MissingField'],
    ['a cluster address that is none', [['spec.clusterIP', 'x']], 'spec.clusterIP', 'InvalidValue'],
    ['an external address that is none', [['spec.externalIPs', ['x']]], 'spec.externalIPs[0]', 'InvalidValue'],
    ['a name with a dot', [['metadata.name', 'a.b']], 'metadata.name', 'InvalidValue'],
    ['a label value with a space', [['metadata.labels', { a: 'b c' }]], 'metadata.labels.a', 'InvalidValue'],
    ['a label value that is a number', [['metadata.labels', { a: 1 }]], 'metadata.labels.a', 'WrongType', /quote it/],
    [
      'an annotation key that is none',
      [['metadata.annotations', { 'a b': '' }]],
      'metadata.annotations["a b"]',
      'InvalidValue',
    ],
    [
      'annotations of more than 256 KiB',
      [['metadata.annotations', { a: 'x'.repeat(256 << 10) }]],
      'metadata.annotations',
      'TooLarge',
    ],
    ['no name', [['metadata', {}]], 'metadata.name', 'MissingField'],
    ['a generated name', [['metadata', { generateName: 'a-' }]], 'metadata.name', 'MissingField', /generateName/],
    ['no metadata', [['metadata', undefined]], 'metadata', 'MissingField'],
    ['an unknown field of metadata', [['metadata.label', {}]], 'metadata.label', 'UnknownField', /metadata\.labels/],
    ['a time that is none', [['metadata.creationTimestamp', 'today']], 'metadata.creationTimestamp', 'InvalidValue'],
  ]);
});

const slice = object(
  'EndpointSlice',
  {
    metadata: { name: 'a', labels: { 'kubernetes.io/service-name': 'shop' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'], targetRef: { kind: 'Pod', name: 'p' } }],
    ports: [{ port: 8080 }],
  },
  'discovery.k8s.io/v1',
);

describe('EndpointSlice', () => {
  it('knows its Service, and takes an endpoint of unknown state for ready', () => {
    const read = accepted('EndpointSlice', slice);
    assert.equal(read.serviceName, 'shop');
    assert.deepEqual(read.endpoints, [
      {
        addresses: ['10.0.0.1'],
        conditions: { ready: true, serving: true, terminating: false },
        targetRef: { kind: 'Pod', name: 'p' },
        forZones: [],
      },
    ]);
    assert.deepEqual(read.ports, [{ name: '', port: 8080, protocol: 'TCP' }]);
  });

  it('takes serving from ready where it is not said', () => {
    const conditions = (given: object) =>
      accepted('EndpointSlice', changed(slice, ['endpoints.0.conditions', given])).endpoints[0]?.conditions;
    assert.deepEqual(conditions({ ready: false }), { ready: false, serving: false, terminating: false });
    assert.deepEqual(conditions({ ready: false, serving: true, terminating: true }), {
      ready: false,
      serving: true,
      terminating: true,
    });
    assert.deepEqual(conditions({ ready: null }), { ready: true, serving: true, terminating: false });
  });

  refusals(slice, [
    ['no address type', [['addressType', undefined]], 'addressType', 'MissingField'],
    ['no addresses', [['endpoints.0.addresses', []]], 'endpoints[0].addresses', 'InvalidValue'],
    [
      'an address of another family',
      [['endpoints.0.addresses', ['::1']]],
      'endpoints[0].addresses[0]',
      'InvalidValue',
      /IPv4/,
    ],
    ['a name for an address', [['endpoints.0.addresses', ['a.b']]], 'endpoints[0].addresses[0]', 'InvalidValue'],
    ['two ports of one name', [['ports', [{ port: 1 }, { port: 2 }]]], 'ports[1]', 'DuplicateValue'],
  ]);
});

const tls = object('Secret', {
  type: 'kubernetes.io/tls',
  data: { 'tls.crt': 'Y2VydA==' },
  stringData: { 'tls.key': 'key' },
});
const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

describe('Secret and ConfigMap', () => {
  it('decode base64 and merge plain text in, which wins', () => {
    const { data } = accepted('Secret', tls);
    assert.deepEqual([text(data['tls.crt']), text(data['tls.key'])], ['cert', 'key']);
    const both = object('Secret', { data: { a: 'YQ==' }, stringData: { a: 'b' } });
    assert.equal(text(accepted('Secret', both).data.a), 'b');
    assert.equal(accepted('Secret', both).type, 'Opaque');
  });

  it('take base64 with line breaks, and none', () => {
    const read = accepted('Secret', object('Secret', { data: { a: 'Y2Vy\ndA==\n', b: '' } })).data;
    assert.deepEqual([text(read.a), text(read.b)], ['cert', '']);
  });

  it('keep text and bytes of a ConfigMap apart', () => {
    const read = accepted('ConfigMap', object('ConfigMap', { data: { a: 'b' }, binaryData: { c: 'ZA==' } }));
    assert.deepEqual([read.data, text(read.binaryData.c)], [{ a: 'b' }, 'd']);
  });

  refusals(tls, [
    ['a TLS Secret without a key', [['stringData', {}]], 'data["tls.key"]', 'MissingField'],
    [
      'what is not base64',
      [
        ['data', { a: 'not base64!' }],
        ['type', 'Opaque'],
      ],
      'data.a',
      'InvalidValue',
      /stringData/,
    ],
    [
      'base64 without padding',
      [
        ['data', { a: 'YQ' }],
        ['type', 'Opaque'],
      ],
      'data.a',
      'InvalidValue',
    ],
    [
      'a key with a slash',
      [
        ['data', { 'a/b': '' }],
        ['type', 'Opaque'],
      ],
      'data["a/b"]',
      'InvalidValue',
    ],
    [
      'plain text that is a number',
      [
        ['stringData', { a: 1 }],
        ['type', 'Opaque'],
      ],
      'stringData.a',
      'WrongType',
    ],
  ]);
});

describe('Pod, Node, Namespace', () => {
  it('reads of a Pod what Services need', () => {
    const ports = [{ name: 'http', containerPort: 80 }];
    const pod = object('Pod', {
      spec: {
        containers: [{ name: 'a', image: 'x', ports }],
        initContainers: [{ name: 'once' }, { name: 'sidecar', restartPolicy: 'Always' }],
      },
      status: { phase: 'Running', podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] },
    });
    const { spec, status } = accepted('Pod', pod);
    assert.deepEqual(spec.containers, [
      { name: 'sidecar', ports: [] },
      { name: 'a', ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }] },
    ]);
    assert.deepEqual(status, { phase: 'Running', podIPs: ['10.0.0.1'], ready: true });
  });

  it('takes a Pod without a status for pending', () => {
    const { status } = accepted('Pod', object('Pod', { spec: { containers: [] } }));
    assert.deepEqual(status, { phase: 'Pending', podIPs: [], ready: false });
  });

  it('reads addresses and Pod ranges of a Node', () => {
    const node = object('Node', {
      spec: { podCIDR: '10.0.0.0/24' },
      status: { addresses: [{ type: 'InternalIP', address: '1.2.3.4' }], capacity: {} },
    });
    const { spec, status, metadata } = accepted('Node', node);
    assert.deepEqual(
      [spec, status],
      [{ podCIDRs: ['10.0.0.0/24'] }, { addresses: [{ type: 'InternalIP', address: '1.2.3.4' }] }],
    );
    assert.equal(metadata.namespace, undefined);
  });

  it('reads a Namespace', () => {
    const read = accepted('Namespace', changed(object('Namespace', {}), ['metadata.labels', { team: 'a' }]));
    assert.deepEqual(read.metadata.labels, { team: 'a' });
  });
});
