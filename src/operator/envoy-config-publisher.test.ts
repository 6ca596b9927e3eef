import assert from 'node:assert/strict';
import { createControlPlane } from '../agent/control-plane.ts';
import { parseObject } from '../api/index.ts';
import { pathOf, resourceOf } from '../kube/index.ts';
import { defaultEncodeOptions } from '../mesh/envoy/index.ts';
import { applyBatch } from '../mesh/inputs.ts';
import { defaultMeshOptions } from '../mesh/model/index.ts';
import { EnvoyConfigPublisher } from './envoy-config-publisher.ts';
import { LiveObjects } from './live-objects.ts';
import { FakeApi } from './testing/fake-api.ts';
import { silent } from './testing/rig.ts';

function rig() {
  const api = new FakeApi();
  const live = new LiveObjects();
  const plane = createControlPlane({
    mesh: defaultMeshOptions,
    encode: { ...defaultEncodeOptions, bucketThreshold: Number.POSITIVE_INFINITY },
  });
  const publisher = new EnvoyConfigPublisher({ client: api.client('operator'), plane, live, log: silent, quiet: 1 });
  const set = (raw: { kind: string; metadata: object }) => {
    const { object, diagnostics } = parseObject(raw);
    assert.ok(object, diagnostics.map(({ message }) => message).join());
    const metadata = { uid: `uid-${object.metadata.name}`, resourceVersion: '1', ...raw.metadata };
    live.set({ ...raw, metadata }, resourceOf(raw.kind));
    applyBatch(plane.tables, { changes: [{ op: 'set', object }] });
  };
  const ingress = (name: string, port = 80) =>
    set({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name, namespace: 'shop' },
      spec: {
        ingressClassName: 'cilium',
        rules: [
          {
            host: `${name}.example.com`,
            http: {
              paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: port } } } }],
            },
          },
        ],
      },
    } as never);
  const path = (name: string) => pathOf('CiliumEnvoyConfig', { namespace: 'shop', name });
  const until = async (check: () => boolean) => {
    while (!check()) await new Promise(setImmediate);
  };
  return { api, plane, publisher, ingress, path, until };
}

describe('published CiliumEnvoyConfigs', () => {
  it('follow their Ingresses, belong to them, and are not served themselves', async () => {
    const { api, plane, publisher, ingress, path, until } = rig();
    // Of a term before.
    api.put(path('cilium-ingress-gone'), {
      metadata: { name: 'cilium-ingress-gone', namespace: 'shop', labels: { 'sluice.dev/published': 'true' } },
    });
    api.put(path('mine'), { metadata: { name: 'mine', namespace: 'shop' } });
    ingress('a');
    publisher.start();
    await until(() => api.objects.has(path('cilium-ingress-a')));
    const made = api.objects.get(path('cilium-ingress-a'))!;
    assert.deepEqual(made.metadata?.ownerReferences, [
      { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', name: 'a', uid: 'uid-a', controller: true },
    ]);
    assert.match(JSON.stringify(made.spec), /a\.example\.com/);
    await until(() => !api.objects.has(path('cilium-ingress-gone')));
    assert.ok(api.objects.has(path('mine')));

    const { managedFields: _, ...metadata } = made.metadata as { managedFields: unknown };
    const { object } = parseObject({ ...made, metadata });
    assert.ok(object);
    const before = plane.resources.reduce((sum, { size }) => sum + size, 0);
    applyBatch(plane.tables, { changes: [{ op: 'set', object }] });
    plane.store.flush();
    assert.equal(
      plane.resources.reduce((sum, { size }) => sum + size, 0),
      before,
    );

    const writes = api.log.length;
    ingress('b');
    await until(() => api.objects.has(path('cilium-ingress-b')));
    assert.deepEqual(api.log.slice(writes), [`PATCH ${path('cilium-ingress-b')}`]);
    const ref = { group: 'networking.k8s.io', kind: 'Ingress', namespace: 'shop', name: 'a' };
    applyBatch(plane.tables, { changes: [{ op: 'delete', ref }] });
    await until(() => !api.objects.has(path('cilium-ingress-a')));
    publisher.stop();
    await publisher.idle();
  });
});
