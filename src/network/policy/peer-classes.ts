import { type ClassEntry, classEntries, type DirectedGrant } from './class-entries.ts';
import type { NamedPort } from './subject-policy.ts';

/** Grants of one policy about one set of peers. Its number is never another slot's. */
export interface Slot {
  readonly number: number;
  readonly grants: readonly DirectedGrant[];
}

/** All peers to whom the same grants apply: they have the same entries, made once. */
export interface PeerClass {
  /** Ascending. */
  readonly slots: readonly number[];
  readonly with: Map<number, PeerClass>;
  readonly without: Map<number, PeerClass>;
  /** By what the peer's named ports are, `''` where no grant asks. */
  readonly entries: Map<string, readonly ClassEntry[]>;
  /** Whether entries depend on the peer's named ports. */
  readonly byPorts: boolean;
}

/**
 * The classes of peers of one subject. Thousands of identities are a few classes, so a subject's policy is one small number for
 * each identity, and the entries of each class.
 */
export class PeerClasses {
  readonly #slots: ReadonlyMap<number, Slot>;
  readonly #own: readonly NamedPort[];
  #byKey = new Map<string, PeerClass>();
  readonly nobody: PeerClass = makeClass([], false);

  /** `own` are the subject's named ports. */
  constructor(slots: ReadonlyMap<number, Slot>, own: readonly NamedPort[]) {
    this.#slots = slots;
    this.#own = own;
  }

  get size(): number {
    return this.#byKey.size;
  }

  with(from: PeerClass, slot: number): PeerClass {
    let to = from.with.get(slot);
    if (to === undefined) {
      to = from.slots.includes(slot) ? from : this.#of([...from.slots, slot].sort((a, b) => a - b));
      from.with.set(slot, to);
    }
    return to;
  }

  without(from: PeerClass, slot: number): PeerClass {
    let to = from.without.get(slot);
    if (to === undefined) {
      to = from.slots.includes(slot) ? this.#of(from.slots.filter((one) => one !== slot)) : from;
      from.without.set(slot, to);
    }
    return to;
  }

  entries(of: PeerClass, peerPorts: readonly NamedPort[]): readonly ClassEntry[] {
    if (of === this.nobody) return none;
    const key = of.byPorts ? peerPorts.map(formatPort).join() : '';
    let entries = of.entries.get(key);
    if (entries === undefined) {
      const grants = of.slots.flatMap((slot) => this.#slots.get(slot)!.grants);
      entries = classEntries(grants, { ingress: this.#own, egress: peerPorts });
      of.entries.set(key, entries);
    }
    return entries;
  }

  /** Forgets classes that nobody is in: they were on the way to others. */
  keep(used: ReadonlySet<PeerClass>): void {
    this.#byKey = new Map([...used].map((one) => [one.slots.join(), one]));
    this.#byKey.delete('');
    for (const one of [this.nobody, ...used]) {
      one.with.clear();
      one.without.clear();
    }
  }

  #of(slots: readonly number[]): PeerClass {
    if (slots.length === 0) return this.nobody;
    const key = slots.join();
    let found = this.#byKey.get(key);
    if (found === undefined) {
      found = makeClass(
        slots,
        slots.some((slot) => this.#slots.get(slot)?.grants.some(namesPeerPorts) === true),
      );
      this.#byKey.set(key, found);
    }
    return found;
  }
}

function makeClass(slots: readonly number[], byPorts: boolean): PeerClass {
  return { slots, with: new Map(), without: new Map(), entries: new Map(), byPorts };
}

/** Whether a grant is about ports that the other side has names for. */
export function namesPeerPorts({ direction, ports }: DirectedGrant): boolean {
  return direction === 'egress' && ports?.some(({ port }) => typeof port === 'string') === true;
}

export function formatPort({ name, port, protocol }: NamedPort): string {
  return `${name}/${protocol}=${port}`;
}

const none: readonly ClassEntry[] = [];
