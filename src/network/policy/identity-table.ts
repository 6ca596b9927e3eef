import { assert } from '../../lib/fault.ts';
import type { Identity, Prefix } from '../identity/index.ts';
import { indexLabels, type LabelIndex } from './selector.ts';
import type { NamedPort } from './subject-policy.ts';

/** The place of "any identity" (0), which is no identity that selectors select. */
export const ANY = 0;

/** A known identity, with what selectors and named ports ask of it. */
export interface KnownIdentity extends Identity {
  /** Its place: a small number, for sets of bits. */
  readonly at: number;
  readonly index: LabelIndex;
  /** Of an identity that is a network. */
  readonly prefix?: Prefix;
}

/**
 * Identities at small numbers, so that sets of them are bits and what a subject knows of each is an array. A place that is left
 * is taken again only after {@link settle}: until then the old number is still to be read there.
 */
export class IdentityTable {
  readonly #byId = new Map<number, KnownIdentity>();
  /** 0 where nobody is. */
  readonly #ids: number[] = [0];
  readonly #ports: (readonly NamedPort[])[] = [none];
  #free: number[] = [];
  #left: number[] = [];

  /** One more than the last place that was ever taken. */
  get places(): number {
    return this.#ids.length;
  }
  get size(): number {
    return this.#byId.size;
  }
  get(id: number): KnownIdentity | undefined {
    return this.#byId.get(id);
  }
  values(): IterableIterator<KnownIdentity> {
    return this.#byId.values();
  }
  idAt(at: number): number {
    return this.#ids[at]!;
  }
  /** Ports that its pods have names for; of several with one name and protocol, all. Sorted. */
  portsAt(at: number): readonly NamedPort[] {
    return this.#ports[at]!;
  }
  setPortsAt(at: number, ports: readonly NamedPort[]): void {
    this.#ports[at] = ports;
  }

  add(identity: Identity & { readonly prefix?: Prefix }): KnownIdentity {
    assert(!this.#byId.has(identity.id), `identity ${identity.id} is known already`);
    const at = this.#free.pop() ?? this.#ids.length;
    const known: KnownIdentity = {
      id: identity.id,
      labels: identity.labels,
      at,
      index: indexLabels(identity.labels),
      ...(identity.prefix === undefined ? {} : { prefix: identity.prefix }),
    };
    this.#ids[at] = identity.id;
    this.#ports[at] = none;
    this.#byId.set(identity.id, known);
    return known;
  }

  /** Other labels for an identity that stays where it is. */
  replace(identity: Identity): KnownIdentity {
    const { at } = this.#byId.get(identity.id)!;
    const known = { id: identity.id, labels: identity.labels, at, index: indexLabels(identity.labels) };
    this.#byId.set(identity.id, known);
    return known;
  }

  delete(id: number): KnownIdentity | undefined {
    const known = this.#byId.get(id);
    if (known === undefined) return undefined;
    this.#byId.delete(id);
    this.#left.push(known.at);
    return known;
  }

  /** The places that were left may be taken again. */
  settle(): void {
    for (const at of this.#left) {
      this.#ids[at] = 0;
      this.#ports[at] = none;
    }
    this.#free = this.#free.concat(this.#left);
    this.#left = [];
  }
}

const none: readonly NamedPort[] = [];
