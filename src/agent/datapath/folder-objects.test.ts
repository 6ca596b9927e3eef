import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CiliumIdentity } from '../../api/index.ts';
import { createTables } from '../../mesh/inputs.ts';
import { ciliumIdentityManifest } from '../../network/endpoint/index.ts';
import { Store } from '../../store/index.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import { folderObjects } from './folder-objects.ts';
import { tableObjects } from './table-objects.ts';

const web = ciliumIdentityManifest({ id: 300, labels: ['k8s:app=web'] });
const cart = ciliumIdentityManifest({ id: 300, labels: ['k8s:app=cart'] });
const endpoint = (state: string) => ({
  ...{ apiVersion: 'cilium.io/v2', kind: 'CiliumEndpoint', metadata: { namespace: 'shop', name: 'web.0' } },
  status: { id: 1, state },
});

interface Rig {
  readonly objects: ClusterObjects;
  /** Names of what is there. */
  names(): string[];
  close(): void;
}

const rigs: Record<string, () => Rig> = {
  'a folder': () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
    return {
      objects: folderObjects(folder),
      names: () => readdirSync(folder).sort(),
      close: () => rmSync(folder, { recursive: true }),
    };
  },
  'the tables of a node that is alone': () => {
    const tables = createTables(new Store({ schedule: () => {} }));
    return {
      objects: tableObjects(tables),
      names: () =>
        [
          ...Array.from(tables.CiliumEndpoint.keys(), (key) => `ciliumendpoint.${key.replace('/', '.')}.json`),
          ...Array.from(tables.CiliumIdentity.keys(), (key) => `ciliumidentity.${key}.json`),
        ].sort(),
      close: () => {},
    };
  },
};

for (const [name, start] of Object.entries(rigs))
  describe(`what nodes tell each other by ${name}`, () => {
    let rig: Rig;
    beforeEach(() => {
      rig = start();
    });
    afterEach(() => rig.close());

    it('is created once: who comes second gets what is there', async () => {
      const first = (await rig.objects.createOnce(web)) as CiliumIdentity;
      const second = (await rig.objects.createOnce(cart)) as CiliumIdentity;
      assert.deepEqual(first.securityLabels, { 'k8s:app': 'web' });
      assert.deepEqual(second, first);
      assert.deepEqual(rig.names(), ['ciliumidentity.300.json']);
    });

    it('is written over, and gone when it is removed, also twice', async () => {
      await rig.objects.apply(endpoint('creating'));
      await rig.objects.apply(endpoint('ready'));
      assert.deepEqual(rig.names(), ['ciliumendpoint.shop.web.0.json']);
      await rig.objects.remove(endpoint('ready'));
      await rig.objects.remove(endpoint('ready'));
      assert.deepEqual(rig.names(), []);
    });
  });

describe('a folder', () => {
  it('keeps what it is given inside', async () => {
    const parent = mkdtempSync(join(tmpdir(), 'sluice-'));
    try {
      const objects = folderObjects(join(parent, 'shared'));
      for (const metadata of [
        { namespace: 'x/../..', name: 'out' },
        { namespace: 'shop', name: '/../../out' },
      ])
        for (const operation of ['apply', 'createOnce', 'remove'] as const)
          await assert.rejects(objects[operation]({ ...endpoint('ready'), metadata }), { code: 'PUBLISH' });
      assert.deepEqual(readdirSync(parent), []);
    } finally {
      rmSync(parent, { recursive: true });
    }
  });
});

describe('a folder that cannot be written', () => {
  it('is a fault that names the file', async () => {
    await assert.rejects(folderObjects(join(import.meta.filename, 'shared')).apply(web), {
      code: 'PUBLISH',
      message: /write .*shared\/ciliumidentity\.300\.json: ENOTDIR/,
    });
  });
});
