import { loadAll } from 'js-yaml';
import { type KubeClient, KubeFault, pathOf, type RawObject, resourceOf } from '../../../src/kube/index.ts';
import { until } from '../../support/until.ts';

/** Objects of a cluster as tests handle them. */
export interface Objects {
  /** YAML documents; those without a namespace of their own get `namespace`. Applied is what `change` makes of them. */
  apply(yaml: string, namespace?: string, change?: (object: RawObject) => RawObject): Promise<void>;
  get<T = RawObject>(kind: string, name: string, namespace?: string): Promise<T | undefined>;
  /** Resolves when it is gone, and with a namespace everything in it. */
  remove(kind: string, name: string, namespace?: string): Promise<void>;
}

/** ms; a namespace is only gone after the last of its pods. */
const removal = 120_000;

export function objectsOf(client: KubeClient): Objects {
  const get = async <T = RawObject>(kind: string, name: string, namespace?: string): Promise<T | undefined> => {
    try {
      return await client.request<T>({ method: 'GET', path: path(kind, name, namespace) });
    } catch (error) {
      if (error instanceof KubeFault && error.status === 404) return undefined;
      throw error;
    }
  };
  return {
    get,
    async apply(yaml, namespace, change = (object) => object) {
      for (const object of (loadAll(yaml) as RawObject[]).map(change)) {
        const { kind = '', metadata = {} } = object as RawObject & { kind?: string };
        const own = resourceOf(kind).namespaced ? ((metadata.namespace as string | undefined) ?? namespace) : undefined;
        await client.request({
          method: 'PATCH',
          path: path(kind, metadata.name as string, own),
          query: { fieldManager: 'sluice-tests', force: 'true' },
          contentType: 'application/apply-patch+yaml',
          body: { ...object, metadata: { ...metadata, ...(own === undefined ? {} : { namespace: own }) } },
        });
      }
    },
    async remove(kind, name, namespace) {
      if ((await get(kind, name, namespace)) === undefined) return;
      await client.request({ method: 'DELETE', path: path(kind, name, namespace) });
      await until(`${kind} ${name} to be gone`, async () => (await get(kind, name, namespace)) === undefined, removal);
    },
  };
}

function path(kind: string, name: string, namespace: string | undefined): string {
  return pathOf(kind, { name, ...(namespace === undefined ? {} : { namespace }) });
}
