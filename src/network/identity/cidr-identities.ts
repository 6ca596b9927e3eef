import { assert } from '../../lib/fault.ts';
import { type Identity, LOCAL_IDENTITIES } from './identity.ts';
import type { Prefix } from './prefix.ts';
import { reserved } from './reserved.ts';

/** A network that policies name, and its identity. */
export interface CidrIdentity extends Identity {
  readonly prefix: Prefix;
}

/**
 * Numbers for the networks that policies name: reference counted, local to this node, from 2^24 on. All of IPv4 and all of
 * IPv6 have reserved numbers. A number that was freed is the last one to be given again: packets and connections of the
 * network that had it may still be around.
 */
export class CidrIdentities {
  readonly #byPrefix = new Map<string, { readonly identity: CidrIdentity; users: number }>();
  readonly #byId = new Map<number, CidrIdentity>();
  /** What the maps of a former process hold: the same network gets the same number. */
  readonly #former = new Map<string, number>();
  readonly #formerIds = new Set<number>();
  #next: number = LOCAL_IDENTITIES.first;

  get size(): number {
    return this.#byPrefix.size;
  }

  /**
   * Numbers that are in use in the kernel already (from the ipcache map), by canonical prefix. Before the first {@link acquire}.
   * They are kept for their networks until {@link forget}.
   */
  restore(numbers: Iterable<readonly [prefix: string, id: number]>): void {
    for (const [prefix, id] of numbers) {
      if (id < LOCAL_IDENTITIES.first || id > LOCAL_IDENTITIES.last || this.#formerIds.has(id)) continue;
      this.#former.set(prefix, id);
      this.#formerIds.add(id);
      if (id >= this.#next) this.#next = id === LOCAL_IDENTITIES.last ? LOCAL_IDENTITIES.first : id + 1;
    }
  }

  /** Once all policies have been read: numbers of networks that nobody named are free. */
  forget(): void {
    this.#former.clear();
    this.#formerIds.clear();
  }

  /** The network's identity, counted once more. `created`: nobody had it before. */
  acquire(prefix: Prefix): { readonly identity: CidrIdentity; readonly created: boolean } {
    const known = this.#byPrefix.get(prefix.text);
    if (known !== undefined) {
      known.users++;
      return { identity: known.identity, created: false };
    }
    const identity: CidrIdentity = { id: this.#number(prefix), labels: labelsOf(prefix), prefix };
    this.#byPrefix.set(prefix.text, { identity, users: 1 });
    this.#byId.set(identity.id, identity);
    return { identity, created: true };
  }

  /** The identity, if this was its last user. */
  release(prefix: Prefix): CidrIdentity | undefined {
    const known = this.#byPrefix.get(prefix.text);
    assert(known !== undefined, `CIDR identity of ${prefix.text} released once too often`);
    if (--known.users > 0) return undefined;
    this.#byPrefix.delete(prefix.text);
    this.#byId.delete(known.identity.id);
    return known.identity;
  }

  get(id: number): CidrIdentity | undefined {
    return this.#byId.get(id);
  }
  of(prefix: string): CidrIdentity | undefined {
    return this.#byPrefix.get(prefix)?.identity;
  }
  values(): IterableIterator<CidrIdentity> {
    return this.#byId.values();
  }

  #number(prefix: Prefix): number {
    if (prefix.length === 0) return reserved[prefix.family === 4 ? 'world-ipv4' : 'world-ipv6'];
    const former = this.#former.get(prefix.text);
    if (former !== undefined && !this.#byId.has(former)) return former;
    while (this.#byId.has(this.#next) || this.#formerIds.has(this.#next)) this.#step();
    const id = this.#next;
    this.#step();
    return id;
  }

  #step(): void {
    this.#next = this.#next === LOCAL_IDENTITIES.last ? LOCAL_IDENTITIES.first : this.#next + 1;
  }
}

function labelsOf(prefix: Prefix): readonly string[] {
  if (prefix.length > 0) return [`cidr:${prefix.text}`, 'reserved:world'];
  return [`cidr:${prefix.text}`, 'reserved:world', prefix.family === 4 ? 'reserved:world-ipv4' : 'reserved:world-ipv6'];
}
