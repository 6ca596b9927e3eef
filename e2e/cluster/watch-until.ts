import { type KubeClient, KubeFault, type RawObject } from '../../src/kube/index.ts';

export interface Watching {
  /** Of a collection: `/api/v1/nodes`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** What is waited for, for the message when it does not come. */
  readonly what: string;
  /** ms; 60,000. */
  readonly timeout?: number;
}

/**
 * Waits, by a watch, until `fits` gives something true for the objects of a collection, and gives that. Rejects with the
 * objects that there are when the time is over.
 */
export async function watchUntil<T>(
  kube: KubeClient,
  { path, query, what, timeout = 120_000 }: Watching,
  fits: (objects: readonly RawObject[]) => T,
): Promise<NonNullable<T>> {
  const signal = AbortSignal.timeout(timeout);
  let objects = new Map<string, RawObject>();
  const key = ({ metadata }: RawObject) => `${metadata?.namespace ?? ''}/${metadata?.name}`;
  while (!signal.aborted) {
    try {
      const list = await kube.request<{ metadata: { resourceVersion: string }; items: RawObject[] }>({
        method: 'GET',
        path,
        signal,
        ...(query === undefined ? {} : { query }),
      });
      objects = new Map(list.items.map((item) => [key(item), item]));
      let found = fits([...objects.values()]);
      if (found) return found;
      const resourceVersion = list.metadata.resourceVersion;
      for await (const { type, object } of kube.watch({ path, query: { ...query, resourceVersion }, signal })) {
        if (type === 'DELETED') objects.delete(key(object));
        else objects.set(key(object), object);
        found = fits([...objects.values()]);
        if (found) return found;
      }
    } catch (error) {
      // A watch that broke is begun again.
      if (!signal.aborted && !(error instanceof KubeFault && (error.transient || error.code === 'KUBE_GONE')))
        throw error;
    }
  }
  const seen = JSON.stringify([...objects.values()].map(({ metadata, status }) => ({ name: metadata?.name, status })));
  throw new Error(`waited ${timeout / 1000} s for ${what}; there is: ${seen.slice(0, 2000)}`);
}

/** Whether an object's condition of this type is `True`. */
export function isTrue(object: RawObject, type: string): boolean {
  const conditions = (object.status as { conditions?: { type: string; status: string }[] } | undefined)?.conditions;
  return conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
}
