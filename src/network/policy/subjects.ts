import { assert } from '../../lib/fault.ts';
import { type Labels, labelsKey } from '../identity/index.ts';
import type { IdentityTable } from './identity-table.ts';
import { formatPort } from './peer-classes.ts';
import type { NamedPort, SubjectPolicy } from './subject-policy.ts';
import { SubjectState } from './subject-state.ts';

/** Whose policies somebody wants, each counted: the same labels and named ports are one subject. */
export class Subjects {
  readonly #byKey = new Map<string, SubjectState>();
  /** Those that have had no flush yet. */
  readonly #new = new Set<SubjectState>();
  #gone: SubjectState[] = [];
  #last = 0;
  readonly #identities: IdentityTable;

  constructor(identities: IdentityTable) {
    this.#identities = identities;
  }

  values(): IterableIterator<SubjectState> {
    return this.#byKey.values();
  }
  /** Those that were there at the last flush. */
  *old(): Generator<SubjectState> {
    for (const subject of this.#byKey.values()) if (!subject.isNew) yield subject;
  }
  new(): IterableIterator<SubjectState> {
    return this.#new.values();
  }

  /** Whether any came or went since the last flush. */
  get isPending(): boolean {
    return this.#new.size > 0 || this.#gone.length > 0;
  }

  acquire(kind: 'endpoint' | 'host', labels: Labels, namedPorts: readonly NamedPort[]): SubjectState {
    const key = keyOf({ kind, labels, namedPorts });
    let subject = this.#byKey.get(key);
    if (subject === undefined) {
      subject = new SubjectState({ id: ++this.#last, kind, labels, namedPorts }, this.#identities);
      this.#byKey.set(key, subject);
      this.#new.add(subject);
    }
    subject.users++;
    return subject;
  }

  release(subject: SubjectPolicy): void {
    assert(subject instanceof SubjectState && subject.users > 0, `subject ${subject.id} released once too often`);
    if (--subject.users > 0) return;
    this.#byKey.delete(keyOf(subject));
    this.#new.delete(subject);
    this.#gone.push(subject);
  }

  /** Those that nobody wants any more, since the last call. */
  takeGone(): SubjectState[] {
    const gone = this.#gone;
    this.#gone = [];
    return gone;
  }

  /** The flush is over: nobody is new. */
  settle(): void {
    for (const subject of this.#new) subject.isNew = false;
    this.#new.clear();
  }
}

function keyOf({ kind, labels, namedPorts }: Pick<SubjectPolicy, 'kind' | 'labels' | 'namedPorts'>): string {
  return `${kind}\n${labelsKey(labels)}\n\n${namedPorts.map(formatPort).sort().join()}`;
}
