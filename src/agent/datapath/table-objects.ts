import { type AnyObject, type KindName, objectKey, parseObject } from '../../api/index.ts';
import { assert } from '../../lib/fault.ts';
import { setObject, type Tables } from '../../mesh/inputs.ts';
import type { Manifest } from '../../network/endpoint/index.ts';
import type { ClusterObjects } from './cluster-objects.ts';

/** For a node that is alone: its own tables are the cluster. */
export function tableObjects(tables: Tables): ClusterObjects {
  const read = (manifest: Manifest): AnyObject => {
    const { object, diagnostics } = parseObject(manifest);
    assert(object !== undefined, `${manifest.kind} ${manifest.metadata.name}: ${JSON.stringify(diagnostics)}`);
    return object;
  };
  return {
    async createOnce(manifest) {
      const object = read(manifest);
      const there = tables[object.kind].get(objectKey(object));
      if (there !== undefined) return there;
      setObject(tables, object);
      return object;
    },
    async apply(manifest) {
      setObject(tables, read(manifest));
    },
    // Nobody collects identities here.
    async keepIdentity() {
      return true;
    },
    async remove({ kind, metadata }) {
      tables[kind as KindName].delete(objectKey({ metadata }));
    },
  };
}
