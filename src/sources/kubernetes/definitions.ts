import type { Follower, RawObject, WatchEvent } from '../../kube/index.ts';

/**
 * Names of the CustomResourceDefinitions that there are, as `httproutes.gateway.networking.k8s.io`; only metadata is asked
 * for, as the definitions themselves are large.
 */
export class Definitions implements Follower {
  readonly #names = new Set<string>();
  readonly #onChange: (name: string) => void;
  #seen: Set<string> | undefined;
  #synced = false;

  /** @param onChange a definition has come, changed (it may be served now, or in another version) or gone */
  constructor(onChange: (name: string) => void) {
    this.#onChange = onChange;
  }

  /** Undefined while that is not known. */
  has(name: string): boolean | undefined {
    return this.#synced ? this.#names.has(name) : undefined;
  }

  startList(): void {
    this.#seen = new Set();
  }

  listed(objects: readonly RawObject[]): void {
    for (const object of objects) {
      const name = nameOf(object);
      this.#seen?.add(name);
      this.#names.add(name);
      this.#onChange(name);
    }
  }

  unlisted(object: RawObject): void {
    this.#seen?.delete(nameOf(object));
    this.#delete(nameOf(object));
  }

  endList(): void {
    const seen = this.#seen;
    this.#seen = undefined;
    this.#synced = true;
    if (seen !== undefined) for (const name of [...this.#names]) if (!seen.has(name)) this.#delete(name);
  }

  changed(events: readonly WatchEvent[]): void {
    for (const { type, object } of events) {
      const name = nameOf(object);
      if (type === 'DELETED') this.#delete(name);
      else {
        this.#names.add(name);
        this.#onChange(name);
      }
    }
  }

  #delete(name: string): void {
    if (this.#names.delete(name)) this.#onChange(name);
  }
}

const nameOf = ({ metadata }: RawObject): string => metadata?.name ?? '';
