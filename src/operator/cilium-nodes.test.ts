import assert from 'node:assert/strict';
import { CiliumNodeGc } from './cilium-nodes.ts';
import { FakeApi, fault } from './testing/fake-api.ts';
import { silent } from './testing/rig.ts';

const path = (name: string) => `/apis/cilium.io/v2/ciliumnodes/${name}`;
const { signal } = new AbortController();

describe('CiliumNodes without a Node', () => {
  let api: FakeApi;
  let gc: CiliumNodeGc;
  beforeEach(() => {
    api = new FakeApi();
    gc = new CiliumNodeGc({ client: api.client('operator'), interval: 300_000, log: silent });
    for (const name of ['a', 'b']) api.put(path(name), { metadata: { name, uid: `uid-${name}` } });
    api.put('/api/v1/nodes/a', { metadata: { name: 'a' } });
  });

  it('go at the second look', async () => {
    await gc.pass(signal);
    assert.ok(api.objects.has(path('b')));
    await gc.pass(signal);
    assert.deepEqual(
      ['a', 'b'].map((name) => api.objects.has(path(name))),
      [true, false],
    );
    assert.equal(gc.deleted, 1);
  });

  it('stay where the Node comes back, or the object is another one', async () => {
    await gc.pass(signal);
    api.put('/api/v1/nodes/b', { metadata: { name: 'b' } });
    await gc.pass(signal);
    assert.ok(api.objects.has(path('b')));
    await api.client().request({ method: 'DELETE', path: '/api/v1/nodes/b' });
    await gc.pass(signal);
    api.put(path('b'), { metadata: { name: 'b', uid: 'another' } });
    await gc.pass(signal);
    assert.ok(api.objects.has(path('b')));
  });

  it('stay where its agent writes to it at the same time, or Nodes cannot be read', async () => {
    await gc.pass(signal);
    api.before = ({ method }) => {
      if (method === 'DELETE') api.put(path('b'), { metadata: { name: 'b', uid: 'uid-b' }, spec: {} });
    };
    await gc.pass(signal);
    assert.ok(api.objects.has(path('b')));
    api.before = ({ path: asked }) => {
      if (asked === '/api/v1/nodes') throw fault(500, 'InternalError');
    };
    await assert.rejects(gc.pass(signal));
    assert.ok(api.objects.has(path('b')));
  });
});
