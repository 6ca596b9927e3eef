import assert from 'node:assert/strict';
import { EndpointFacts, type EndpointNames } from './endpoint-facts.ts';

const none = { namespace: '', name: '', uid: '' };
const web = { namespace: 'shop', name: 'web', uid: '' };
const state = {
  labels: ['k8s:app=web', 'k8s:io.kubernetes.pod.namespace=shop'],
  otherLabels: ['k8s:pod-template-hash=1'],
  namedPorts: [{ name: 'http', port: 80, protocol: 'TCP' as const }],
};

describe('what an endpoint’s identity is made of', () => {
  const facts = new EndpointFacts({ find: (pod) => (pod.name === 'web' ? state : undefined) }, '');
  const labelsOf = (names: EndpointNames) => facts.find(names)?.labels;

  it('is what its pod says, with what people add; nobody adds what the pod says itself', () => {
    assert.deepEqual(facts.find({ pod: web }), state);
    const userLabels = [
      'k8s:io.kubernetes.pod.namespace=bank',
      'k8s:app=db',
      'unspec:tier=front',
      'unspec:io.kubernetes.x=1',
    ];
    assert.deepEqual(facts.find({ pod: web, userLabels }), {
      ...state,
      labels: [...state.labels, 'unspec:tier=front'],
      otherLabels: ['k8s:pod-template-hash=1', 'unspec:io.kubernetes.x=1'],
    });
    assert.equal(labelsOf({ pod: { ...web, name: 'unknown' }, userLabels }), undefined, 'a pod that is not known');
  });

  it('is what its maker says where it is no pod', () => {
    const external = { labels: ['container:app=web'] };
    assert.deepEqual(labelsOf({ pod: none, external }), ['container:app=web']);
    assert.deepEqual(labelsOf({ pod: none, external, userLabels: ['unspec:a='] }), ['container:app=web', 'unspec:a=']);
    assert.deepEqual(labelsOf({ pod: web, external }), state.labels);
    assert.equal(labelsOf({ pod: none, external: { labels: [] } }), undefined);
    assert.equal(labelsOf({ pod: none }), undefined);
  });
});
