import assert from 'node:assert/strict';
import { parseObject } from './parse.ts';
import { accepted, changed, refusals } from './testing/expect.ts';

const listener = { '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener', name: 'l', anything: [{ a: 1 }] };
const base = {
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumEnvoyConfig',
  metadata: { name: 'c', namespace: 'shop' },
  spec: {
    services: [{ name: 'a', listener: 'l' }],
    backendServices: [
      { name: 'a', number: ['80', 'http'] },
      { name: 'b', namespace: 'other' },
    ],
    resources: [listener],
  },
};
const clusterwide = changed(base, ['kind', 'CiliumClusterwideEnvoyConfig']) as object;

describe('CiliumEnvoyConfig', () => {
  it('fills in its own namespace, and keeps resources as they are', () => {
    const { spec } = accepted('CiliumEnvoyConfig', base);
    assert.deepEqual(spec.services, [{ name: 'a', namespace: 'shop', listener: 'l', ports: [] }]);
    assert.deepEqual(spec.backendServices, [
      { name: 'a', namespace: 'shop', number: ['80', 'http'] },
      { name: 'b', namespace: 'other', number: [] },
    ]);
    assert.deepEqual(spec.resources, [listener]);
  });

  it('takes over no other namespace’s Services', () => {
    const { object, diagnostics } = parseObject(changed(base, ['spec.services.0.namespace', 'kube-system']));
    assert.equal(object?.kind === 'CiliumEnvoyConfig' && object.spec.services[0]?.namespace, 'shop');
    assert.deepEqual(
      diagnostics.map(({ severity, reason, field }) => [severity, reason, field]),
      [['warning', 'NamespaceIgnored', 'spec.services[0].namespace']],
    );
  });

  it('has a clusterwide sister, whose Services are in namespace default unless they say otherwise', () => {
    const { spec, metadata } = accepted('CiliumClusterwideEnvoyConfig', clusterwide);
    assert.equal(metadata.namespace, undefined);
    assert.equal(spec.services[0]?.namespace, 'default');
    const named = accepted('CiliumClusterwideEnvoyConfig', changed(clusterwide, ['spec.services.0.namespace', 'n']));
    assert.equal(named.spec.services[0]?.namespace, 'n');
  });

  refusals(base, [
    ['a resource without a type', [['spec.resources', [{ name: 'a' }]]], 'spec.resources[0]["@type"]', 'MissingField'],
    ['a resource that is text', [['spec.resources', ['a']]], 'spec.resources[0]', 'WrongType'],
    ['a Service without a name', [['spec.services', [{}]]], 'spec.services[0].name', 'MissingField'],
    [
      'port numbers that are numbers',
      [['spec.backendServices.0.number', [80]]],
      'spec.backendServices[0].number[0]',
      'WrongType',
      /quote it: "80"/,
    ],
    ['a misspelt field', [['spec.service', []]], 'spec.service', 'UnknownField', /spec\.services/],
    ['no spec', [['spec', undefined]], 'spec', 'MissingField'],
  ]);
});
