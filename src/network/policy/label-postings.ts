import type { KnownIdentity } from './identity-table.ts';
import type { Requirement, Selector } from './selector.ts';

/** Which identities have a label, by `key=value` and by `key`, whatever the source. */
export class LabelPostings {
  readonly #byLabel = new Map<string, Set<KnownIdentity>>();
  readonly #byKey = new Map<string, Map<string, Set<KnownIdentity>>>();

  add(identity: KnownIdentity): void {
    for (const [key, labels] of identity.index) {
      for (const { value } of labels) {
        const label = `${key}=${value}`;
        let have = this.#byLabel.get(label);
        if (have === undefined) {
          have = new Set();
          this.#byLabel.set(label, have);
          const values = this.#byKey.get(key);
          if (values === undefined) this.#byKey.set(key, new Map([[value, have]]));
          else values.set(value, have);
        }
        have.add(identity);
      }
    }
  }

  delete(identity: KnownIdentity): void {
    for (const [key, labels] of identity.index) {
      for (const { value } of labels) {
        const label = `${key}=${value}`;
        const have = this.#byLabel.get(label);
        if (have === undefined) continue;
        have.delete(identity);
        if (have.size > 0) continue;
        this.#byLabel.delete(label);
        const values = this.#byKey.get(key);
        values?.delete(value);
        if (values?.size === 0) this.#byKey.delete(key);
      }
    }
  }

  /** The condition of a selector that the fewest identities can meet, and these; undefined where it only says what must not be. */
  rarest(selector: Selector): { requirement: Requirement; identities: () => Iterable<KnownIdentity> } | undefined {
    let best: { requirement: Requirement; sets: Set<KnownIdentity>[]; size: number } | undefined;
    for (const requirement of selector) {
      const { key, operator, values } = requirement;
      if (operator !== 'In' && operator !== 'Exists') continue;
      const sets =
        operator === 'In'
          ? values.map((value) => this.#byLabel.get(`${key}=${value}`)).filter((set) => set !== undefined)
          : [...(this.#byKey.get(key)?.values() ?? [])];
      const size = sets.reduce((sum, set) => sum + set.size, 0);
      if (best === undefined || size < best.size) best = { requirement, sets, size };
    }
    if (best === undefined) return undefined;
    const { requirement, sets } = best;
    return { requirement, identities: () => each(sets) };
  }
}

function* each(sets: readonly Set<KnownIdentity>[]): Generator<KnownIdentity> {
  for (const set of sets) yield* set;
}
