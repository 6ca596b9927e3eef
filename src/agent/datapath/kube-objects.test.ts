import assert from 'node:assert/strict';
import { recordedClient } from '../cluster/testing/recorded-client.ts';
import { kubeObjects } from './kube-objects.ts';

const identity = {
  ...{ apiVersion: 'cilium.io/v2', kind: 'CiliumIdentity', metadata: { name: '3000' } },
  'security-labels': { 'k8s:app': 'web' },
};
const node = {
  ...{ apiVersion: 'cilium.io/v2', kind: 'CiliumNode', metadata: { name: 'n1' } },
  ...{ spec: { addresses: [] }, status: { ipam: { 'pod-cidrs': {} } } },
};
const endpoint = {
  ...{ apiVersion: 'cilium.io/v2', kind: 'CiliumEndpoint', metadata: { name: 'web', namespace: 'shop' } },
  status: { id: 7 },
};
const identities = '/apis/cilium.io/v2/ciliumidentities';

describe('what an agent writes to the API server', () => {
  const rig = () => {
    const client = recordedClient();
    const asked = () => client.requests.map(({ method, path }) => `${method} ${path}`);
    return { client, asked, objects: kubeObjects(client) };
  };

  it('is created once: where there is one, that is read', async () => {
    const { client, asked, objects } = rig();
    client.fail('KUBE_CONFLICT', 409);
    await objects.createOnce(identity);
    assert.deepEqual(asked(), [`POST ${identities}`, `GET ${identities}/3000`]);
    assert.deepEqual(client.requests[0]?.body, identity);
  });

  it('is created after all where the one that was there has gone meanwhile', async () => {
    const { client, asked, objects } = rig();
    client.fail('KUBE_CONFLICT', 409);
    client.fail('KUBE_NOT_FOUND', 404);
    await objects.createOnce(identity);
    assert.deepEqual(asked(), [`POST ${identities}`, `GET ${identities}/3000`, `POST ${identities}`]);
  });

  it('is applied whole, and where the status is a resource of its own, in two', async () => {
    const { client, asked, objects } = rig();
    await objects.apply(endpoint);
    await objects.apply(node);
    assert.deepEqual(asked(), [
      'PATCH /apis/cilium.io/v2/namespaces/shop/ciliumendpoints/web',
      'PATCH /apis/cilium.io/v2/ciliumnodes/n1',
      'PATCH /apis/cilium.io/v2/ciliumnodes/n1/status',
    ]);
    const { status, ...rest } = node;
    const { apiVersion, kind, metadata } = node;
    assert.deepEqual(
      client.requests.map(({ body }) => body),
      [endpoint, rest, { apiVersion, kind, metadata, status }],
    );
    for (const { contentType, query } of client.requests) {
      assert.equal(contentType, 'application/apply-patch+yaml');
      assert.deepEqual(query, { fieldManager: 'sluice-agent', force: 'true' });
    }
  });

  it('is removed, and what is gone already is none the worse', async () => {
    const { client, asked, objects } = rig();
    client.fail('KUBE_NOT_FOUND', 404);
    await objects.remove(endpoint);
    assert.deepEqual(asked(), ['DELETE /apis/cilium.io/v2/namespaces/shop/ciliumendpoints/web']);
    client.fail('KUBE_FORBIDDEN', 403);
    await assert.rejects(objects.remove(endpoint), { code: 'KUBE_FORBIDDEN' });
  });
});
