import { parseObject } from '../../api/index.ts';
import { type KubeClient, KubeFault, pathOf } from '../../kube/index.ts';
import type { Manifest } from '../../network/endpoint/index.ts';
import { UNUSED_MARK } from '../../network/identity/index.ts';
import type { ClusterObjects } from './cluster-objects.ts';

/** The agent's own name for what it applies: fields of others, as of the operator, stay theirs. */
const fieldManager = 'sluice-agent';
/** Kinds whose status is written by itself, as their CustomResourceDefinitions say. */
const withStatusSubresource: readonly string[] = ['CiliumNode'];

/** An API server: who creates an object of a name is its to decide, and what is applied leaves other fields as they are. */
export function kubeObjects(client: KubeClient): ClusterObjects {
  const apply = (manifest: Manifest, subresource?: string) =>
    client.request({
      method: 'PATCH',
      path: pathOfManifest(manifest, subresource),
      // What an agent before us, or Cilium's, has said of the same node and pods is ours to say now.
      query: { fieldManager, force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: manifest,
    });
  return {
    async createOnce(manifest) {
      const path = pathOfManifest(manifest);
      const collection = path.slice(0, path.lastIndexOf('/'));
      for (;;) {
        try {
          return parseObject(
            await client.request({ method: 'POST', path: collection, query: { fieldManager }, body: manifest }),
          ).object;
        } catch (error) {
          if (!hasStatus(error, 409)) throw error;
        }
        try {
          return parseObject(await client.request({ method: 'GET', path })).object;
        } catch (error) {
          // Removed between the two: it can be created now.
          if (!hasStatus(error, 404)) throw error;
        }
      }
    },
    async apply(manifest) {
      const { status, ...rest } = manifest;
      const isApart = withStatusSubresource.includes(manifest.kind);
      await apply(isApart ? (rest as Manifest) : manifest);
      if (!isApart || status === undefined) return;
      const { apiVersion, kind, metadata } = manifest;
      await apply({ apiVersion, kind, metadata: { name: metadata.name }, status }, 'status');
    },
    async keepIdentity({ kind, metadata: { name, uid } }) {
      try {
        await client.request({
          method: 'PATCH',
          path: pathOf(kind, { name }),
          query: { fieldManager },
          contentType: 'application/merge-patch+json',
          // The uid makes it this one: another identity of the same number refuses it.
          body: { metadata: { uid, annotations: { [UNUSED_MARK]: null } } },
        });
        return true;
      } catch (error) {
        if ([404, 409, 422].some((status) => hasStatus(error, status))) return false;
        throw error;
      }
    },
    async remove({ kind, metadata }) {
      try {
        await client.request({ method: 'DELETE', path: pathOfManifest({ kind, metadata }) });
      } catch (error) {
        if (!hasStatus(error, 404)) throw error;
      }
    },
  };
}

function pathOfManifest({ kind, metadata }: Pick<Manifest, 'kind' | 'metadata'>, subresource?: string): string {
  const { namespace, name } = metadata;
  return pathOf(kind, {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(subresource === undefined ? {} : { subresource }),
  });
}

const hasStatus = (error: unknown, status: number): boolean => error instanceof KubeFault && error.status === status;
