import assert from 'node:assert/strict';
import { type CiliumIdentity, parseObject } from '../../api/index.ts';
import type { Manifest } from '../../network/endpoint/index.ts';
import { labelsOfMap, UNUSED_MARK } from '../../network/identity/index.ts';
import { Store } from '../../store/index.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import { IdentityAllocator } from './identity-allocator.ts';

const web = labelsOfMap({ 'k8s:app': 'web' });

class Rig {
  readonly #store = new Store({ schedule: () => {} });
  readonly table = this.#store.table<CiliumIdentity>('CiliumIdentity');
  readonly created: string[] = [];
  readonly kept: string[] = [];
  /** What the API server answers to who wants to keep a marked one. */
  isThere = true;
  readonly allocator: IdentityAllocator;

  constructor() {
    const objects = {
      createOnce: async (manifest: Manifest) => {
        this.created.push(manifest.metadata.name);
        return parseObject(manifest).object;
      },
      keepIdentity: async ({ metadata }: CiliumIdentity) => {
        this.kept.push(metadata.name);
        return this.isThere;
      },
    } as unknown as ClusterObjects;
    this.allocator = new IdentityAllocator(this.table, objects);
  }

  add(name: string, annotations: object = {}): void {
    const { object } = parseObject({
      ...{ apiVersion: 'cilium.io/v2', kind: 'CiliumIdentity', metadata: { name, annotations } },
      'security-labels': { 'k8s:app': 'web' },
    });
    this.table.set(name, object as CiliumIdentity);
    this.#store.flush();
  }
}

describe('numbers of identities', () => {
  const mark = { [UNUSED_MARK]: '2026-01-01T00:00:00Z' };

  it('are those that the cluster has, the lowest of several', async () => {
    const rig = new Rig();
    rig.add('400');
    rig.add('300');
    assert.equal(rig.allocator.known(web), 300);
    assert.equal(await rig.allocator.allocate(web), 300);
    assert.deepEqual([rig.created, rig.kept], [[], []]);
  });

  it('that are marked as unused are kept before they are used again', async () => {
    const rig = new Rig();
    rig.add('300', mark);
    assert.equal(rig.allocator.known(web), undefined);
    assert.equal(await rig.allocator.allocate(web), 300);
    assert.deepEqual([rig.created, rig.kept], [[], ['300']]);
    rig.add('400');
    assert.equal(await rig.allocator.allocate(web), 400);
    assert.deepEqual(rig.kept, ['300']);
  });

  it('that were deleted in the meantime are not used: another one is created', async () => {
    const rig = new Rig();
    rig.add('300', mark);
    rig.isThere = false;
    const id = await rig.allocator.allocate(web);
    assert.deepEqual([rig.created, rig.kept], [[`${id}`], ['300']]);
  });
});
