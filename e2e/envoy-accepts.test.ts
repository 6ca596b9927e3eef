import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel, writeModel } from '../src/mesh/envoy/testing/model.ts';
import { type MeshRig, startMeshRig } from './support/mesh-rig.ts';

const folder = join(import.meta.dirname, '../src/mesh/envoy/testdata');
const goldens = readdirSync(folder).filter((file) => file.endsWith('.in.yaml'));

describe('Envoy takes every golden of the encoder', () => {
  let rig: MeshRig;
  before(async () => {
    rig = await startMeshRig();
  });
  after(() => rig.stop());

  for (const file of goldens)
    it(file.slice(0, -'.in.yaml'.length), async () => {
      const { model, options } = loadModel(join(folder, file));
      const { tables, resources } = rig.mesh(options);
      writeModel(tables, model);
      await rig.publish();
      assert.deepEqual(rig.rejections(), []);
      const stats = await rig.envoy.admin.stats('^listener_manager.total_listeners_active$');
      assert.equal(stats.get('listener_manager.total_listeners_active'), resources.listeners.size);
    });
});
