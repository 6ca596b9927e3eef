import assert from 'node:assert/strict';
import { type CiliumIdentity, parseObject } from '../../api/index.ts';
import type { KubeRequest } from '../../kube/index.ts';
import { UNUSED_MARK } from '../../network/identity/index.ts';
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

  it('takes the mark off an identity, of this very one: one of the same number that is another is refused', async () => {
    const { client, objects } = rig();
    const { object } = parseObject({ ...identity, metadata: { name: '3000', uid: 'u-1' } });
    assert.equal(await objects.keepIdentity(object as CiliumIdentity), true);
    const [{ path, body, contentType }] = client.requests as [KubeRequest];
    assert.equal(path, `${identities}/3000`);
    assert.equal(contentType, 'application/merge-patch+json');
    assert.deepEqual(body, { metadata: { uid: 'u-1', annotations: { [UNUSED_MARK]: null } } });
    for (const status of [404, 409, 422]) {
      client.fail('KUBE', status);
      assert.equal(await objects.keepIdentity(object as CiliumIdentity), false);
    }
    client.fail('KUBE_SERVER', 500);
    await assert.rejects(objects.keepIdentity(object as CiliumIdentity), { code: 'KUBE_SERVER' });
  });
});
