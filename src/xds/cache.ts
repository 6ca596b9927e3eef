import { type Resource, type ResourceType, resourceTypes } from '../mesh/envoy/resource.ts';

export interface CacheChanges {
  readonly set?: readonly Resource[];
  readonly remove?: readonly { readonly type: ResourceType; readonly name: string }[];
}

/** What one `apply` changed; names that were set and names that were removed, by type. */
export interface CacheBatch {
  /** Rises by one with each batch that changed anything. */
  readonly sequence: number;
  /** `performance.now()` at the apply, for latency figures. */
  readonly at: number;
  readonly changed: ReadonlyMap<ResourceType, ReadonlySet<string>>;
}

/** The resources that should be in force, each encoded once and shared by every stream. */
export class ResourceCache {
  readonly #types: Record<ResourceType, Map<string, Resource>>;
  readonly #observers = new Set<(batch: CacheBatch) => void>();
  #sequence = 0;

  constructor() {
    const types = Object.keys(resourceTypes) as ResourceType[];
    this.#types = Object.fromEntries(types.map((type) => [type, new Map()])) as Record<
      ResourceType,
      Map<string, Resource>
    >;
  }

  /** The number of the last batch that changed anything; 0 before the first. */
  get sequence(): number {
    return this.#sequence;
  }

  get(type: ResourceType, name: string): Resource | undefined {
    return this.#types[type].get(name);
  }

  all(type: ResourceType): ReadonlyMap<string, Resource> {
    return this.#types[type];
  }

  /**
   * Removes, then sets, as one batch: a stream never sees half of it. A resource whose version is the one in force is no
   * change, but its origins are taken over. Returns the sequence that has all of it.
   */
  apply(changes: CacheChanges): number {
    const changed = new Map<ResourceType, Set<string>>();
    const before = new Map<ResourceType, Map<string, Resource | undefined>>();
    const touch = (type: ResourceType, name: string) => {
      const names = before.get(type) ?? new Map<string, Resource | undefined>();
      before.set(type, names);
      if (!names.has(name)) names.set(name, this.#types[type].get(name));
    };
    for (const { type, name } of changes.remove ?? []) {
      touch(type, name);
      this.#types[type].delete(name);
    }
    for (const resource of changes.set ?? []) {
      touch(resource.type, resource.name);
      this.#types[resource.type].set(resource.name, resource);
    }
    for (const [type, names] of before) {
      const real = new Set<string>();
      for (const [name, old] of names) if (old?.version !== this.#types[type].get(name)?.version) real.add(name);
      if (real.size > 0) changed.set(type, real);
    }
    if (changed.size === 0) return this.#sequence;
    const batch = { sequence: ++this.#sequence, at: performance.now(), changed };
    for (const observer of this.#observers) observer(batch);
    return this.#sequence;
  }

  /** Called synchronously with every batch. Returns how to stop. */
  observe(observer: (batch: CacheBatch) => void): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }
}
