import assert from 'node:assert/strict';
import { NodeLabelKeys } from './node-label-keys.ts';
import { ccnp, cnp, networkPolicy, selector, traffic } from './testing/objects.ts';

const byNodes = (...texts: string[]) =>
  traffic({ peers: { kind: 'nodes', selectors: texts.map((text) => selector(text)) } });

describe('labels that tell nodes apart', () => {
  it('are those that selectors of nodes name, in any section and of any policy', () => {
    const keys = new NodeLabelKeys();
    keys.set('a', cnp('shop', 'a', { ingress: [byNodes('zone=a', '!role')], egressDeny: [byNodes('k8s:rack')] }));
    keys.set('b', ccnp('b', { ingressDeny: [byNodes('disk', 'reserved:kube-apiserver')] }));
    assert.deepEqual([...keys.keys].sort(), ['disk', 'rack', 'role', 'zone']);
    const selectors = [selector('reserved:remote-node', 'node:gpu', 'app=a')];
    keys.set('c', ccnp('c', { egress: [traffic({ peers: { kind: 'endpoints', selectors } })] }));
    assert.ok(keys.keys.has('gpu') && !keys.keys.has('app'));
  });

  it('are the same until the last policy that names one is gone, and that is in force', () => {
    const keys = new NodeLabelKeys();
    const policy = cnp('shop', 'a', { ingress: [byNodes('zone=a')] });
    keys.set('a', policy);
    const { revision } = keys;
    keys.set('a', policy);
    keys.set('b', cnp('shop', 'b', { egress: [byNodes('!zone')] }));
    keys.set('n', networkPolicy('shop', 'n', {}));
    keys.set('a', undefined);
    assert.ok(!keys.settle());
    assert.equal(keys.revision, revision);
    keys.set('b', cnp('shop', 'b', { egress: [byNodes('rack')] }));
    assert.deepEqual([...keys.keys], ['zone', 'rack'], 'as long as the old policy may be in force');
    assert.ok(keys.revision > revision);
    assert.ok(keys.settle());
    assert.deepEqual([...keys.keys], ['rack']);
    keys.set('b', undefined);
    assert.ok(keys.settle());
    assert.equal(keys.keys.size, 0);
  });
});
