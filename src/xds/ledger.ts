import type { Rejection, Resource, ResourceType } from '../mesh/envoy/resource.ts';

export interface RejectionCallbacks {
  /** Envoy refused this; said once for each version and message. */
  readonly onRejection?: (rejection: Rejection) => void;
  /** A later version went in, or the resource is gone: the rejection no longer stands. */
  readonly onAccepted?: (rejection: Rejection) => void;
}

/** Who refuses what: outlives streams, so that a fix accepted after a reconnect still clears what an earlier stream refused. */
export interface Holder {
  readonly closed: boolean;
}

interface Standing {
  rejection: Rejection;
  readonly holders: Set<Holder>;
}

/** The rejections that stand, over all streams, and the form in which each resource was last accepted by anyone. */
export class RejectionLedger {
  readonly #callbacks: RejectionCallbacks;
  /** By resource, then by fragment (`''`: the whole resource). */
  readonly #standing = new Map<string, Map<string, Standing>>();
  readonly #lastGood = new Map<ResourceType, Map<string, Resource>>();

  constructor(callbacks: RejectionCallbacks) {
    this.#callbacks = callbacks;
  }

  all(): Rejection[] {
    return [...this.#standing.values()].flatMap((parts) => [...parts.values()].map(({ rejection }) => rejection));
  }

  reject(holder: Holder, rejection: Rejection): void {
    const key = keyOf(rejection.type, rejection.name);
    const parts = this.#standing.get(key) ?? new Map<string, Standing>();
    this.#standing.set(key, parts);
    const part = rejection.fragment ?? '';
    const standing = parts.get(part);
    if (standing === undefined) parts.set(part, { rejection, holders: new Set([holder]) });
    else {
      standing.holders.add(holder);
      const same = standing.rejection.version === rejection.version && standing.rejection.message === rejection.message;
      if (same) return;
      standing.rejection = rejection;
    }
    this.#callbacks.onRejection?.(rejection);
  }

  /** A stream has `resource` in force now; what it still refuses of it are the fragments in `stillRefused`. */
  accept(holder: Holder, resource: Resource, stillRefused?: ReadonlyMap<string, unknown>): void {
    const forms = this.#lastGood.get(resource.type) ?? new Map<string, Resource>();
    this.#lastGood.set(resource.type, forms.set(resource.name, resource));
    if (this.#standing.size === 0) return;
    const key = keyOf(resource.type, resource.name);
    const parts = this.#standing.get(key);
    if (parts === undefined) return;
    for (const [part, standing] of parts) {
      if (stillRefused?.has(part)) continue;
      standing.holders.delete(holder);
      for (const other of standing.holders) if (other.closed) standing.holders.delete(other);
      if (standing.holders.size > 0) continue;
      parts.delete(part);
      this.#callbacks.onAccepted?.(standing.rejection);
    }
    if (parts.size === 0) this.#standing.delete(key);
  }

  /** The resource is in the cache no more. */
  removed(type: ResourceType, name: string): void {
    const key = keyOf(type, name);
    this.#lastGood.get(type)?.delete(name);
    const parts = this.#standing.get(key);
    this.#standing.delete(key);
    for (const { rejection } of parts?.values() ?? []) this.#callbacks.onAccepted?.(rejection);
  }

  /** The form that some stream accepted last: what a new stream falls back to. */
  lastGood(type: ResourceType, name: string): Resource | undefined {
    return this.#lastGood.get(type)?.get(name);
  }
}

function keyOf(type: ResourceType, name: string): string {
  return `${type}/${name}`;
}
