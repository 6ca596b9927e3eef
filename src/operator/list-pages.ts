import { type KubeClient, KubeFault, pathOf, type RawObject } from '../kube/index.ts';

export interface ListOptions {
  readonly client: KubeClient;
  readonly kind: string;
  readonly signal: AbortSignal;
  /** Their metadata is enough. */
  readonly metadataOnly?: boolean;
}

const metadataOnly = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

/**
 * All objects of a kind as they are now, not as a cache of the API server has them, page by page: nothing is kept of them here.
 * @throws KubeFault: then nothing may be concluded from what did not come
 */
export async function* listPages(options: ListOptions): AsyncIterable<readonly RawObject[]> {
  const { client, kind, signal } = options;
  const path = pathOf(kind);
  let next: string | undefined;
  do {
    const page: { items?: readonly RawObject[]; metadata?: { continue?: string } } = await client.request({
      method: 'GET',
      path,
      query: { limit: '500', ...(next === undefined ? {} : { continue: next }) },
      signal,
      ...(options.metadataOnly === true ? { accept: metadataOnly } : {}),
    });
    signal.throwIfAborted();
    if (!Array.isArray(page?.items))
      throw new KubeFault('KUBE_BAD_ANSWER', `GET ${path}: the server sent something else than a list`);
    yield page.items as readonly RawObject[];
    next = page.metadata?.continue || undefined;
  } while (next !== undefined);
}
