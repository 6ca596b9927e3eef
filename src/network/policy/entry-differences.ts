import { type ClassEntry, strength } from './class-entries.ts';
import { entryKey } from './policy-entry.ts';

/** From the entries of one class to those of another. */
export interface EntryDifference {
  readonly upserts: readonly ClassEntry[];
  readonly removals: readonly ClassEntry[];
}

/** Thousands of identities go from one class to another at once: the difference is found once for all of them. */
export class EntryDifferences {
  readonly #known = new Map<readonly ClassEntry[], Map<readonly ClassEntry[], EntryDifference>>();

  of(before: readonly ClassEntry[], after: readonly ClassEntry[]): EntryDifference {
    let from = this.#known.get(before);
    if (from === undefined) {
      from = new Map();
      this.#known.set(before, from);
    }
    let difference = from.get(after);
    if (difference === undefined) {
      difference = between(before, after);
      from.set(after, difference);
    }
    return difference;
  }

  clear(): void {
    this.#known.clear();
  }
}

function between(before: readonly ClassEntry[], after: readonly ClassEntry[]): EntryDifference {
  const old = new Map(before.map((entry) => [keyOf(entry), entry]));
  const upserts: ClassEntry[] = [];
  for (const entry of after) {
    const other = old.get(keyOf(entry));
    old.delete(keyOf(entry));
    if (other === undefined || !sameValue(entry, other)) upserts.push(entry);
  }
  return { upserts, removals: [...old.values()] };
}

function keyOf(entry: ClassEntry): string {
  return entryKey({ ...entry, identity: 0 });
}

function sameValue(a: ClassEntry, b: ClassEntry): boolean {
  return (
    strength[a.verdict] === strength[b.verdict] &&
    a.rule === b.rule &&
    a.l7?.parser === b.l7?.parser &&
    a.l7?.listener === b.l7?.listener
  );
}
