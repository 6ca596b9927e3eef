import type { Resource, ResourceType } from '../mesh/envoy/resource.ts';
import type { Collection } from '../store/index.ts';
import type { ResourceCache } from '../xds/index.ts';

/** Carries what a turn of the store changed among the resources to the xDS cache, as one batch. */
export interface ResourceFeed {
  /** Call at the end of each turn. Returns the cache's sequence that has all of it. */
  publish(): number;
}

export function feedResources(collections: readonly Collection<Resource>[], cache: ResourceCache): ResourceFeed {
  let set: Resource[] = [];
  let remove: { type: ResourceType; name: string }[] = [];
  for (const collection of collections) {
    for (const resource of collection.values()) set.push(resource);
    collection.observe((changes) => {
      for (const change of changes) {
        if (change.new !== undefined) set.push(change.new);
        if (change.old !== undefined && (change.new?.type !== change.old.type || change.new.name !== change.old.name)) {
          remove.push({ type: change.old.type, name: change.old.name });
        }
      }
    });
  }
  return {
    publish() {
      if (set.length === 0 && remove.length === 0) return cache.sequence;
      const batch = { set, remove };
      set = [];
      remove = [];
      return cache.apply(batch);
    },
  };
}
