import { type AnyObject, type ObjectRef, refKey, refOf } from '../api/index.ts';
import { equal } from '../lib/equal.ts';
import type { Document, FileState } from './file-state.ts';
import type { SourceChange } from './source.ts';

/** One place where an object stands. */
export interface Claim {
  readonly file: string;
  readonly object: AnyObject;
  /** The items of its document: the same array as long as the document's text is the same. */
  readonly items: Document['items'];
  /** Which of them; undefined for what a bad document still holds. */
  readonly path: string | undefined;
}

interface Entry {
  readonly ref: ObjectRef;
  /** By file's path, then in the order in which they stand. The first is in force. */
  live: Claim[];
  /** A file that held it a moment ago, and may only be half written. */
  lingering?: Claim;
  inForce?: AnyObject;
}

/**
 * Which file's version of an object is in force: the first by path. What a file no longer holds stays in force until it is
 * settled that it is gone, unless another file has it. An update costs what changed in the file, plus a look at the
 * identity of each of its documents.
 */
export class Claims {
  readonly #entries = new Map<string, Entry>();
  readonly #documents = new Map<string, readonly Document[]>();
  readonly #lingering = new Map<string, Set<string>>();
  readonly #touched = new Set<string>();
  readonly #duplicates = new Set<string>();

  /** Objects in force. */
  get size(): number {
    return this.#entries.size;
  }

  /** What `state` holds, from now on; `undefined` for a file that is gone. What it held before lingers. */
  update(path: string, state: FileState | undefined): void {
    const old = this.#documents.get(path) ?? [];
    const now = state?.documents ?? [];
    const kept = new Set<Document['items']>();
    for (const { items } of old) kept.add(items);
    const added = now.filter(({ items }) => !kept.delete(items));
    // What is left in `kept` is gone.
    const removed = new Map<string, Claim>();
    const keys = new Set<string>(old.length === 0 ? [] : this.#duplicates);
    for (const document of old)
      if (kept.has(document.items))
        for (const claim of claimsOf(path, document)) removed.set(this.#remove(claim), claim);
    for (const document of added)
      for (const claim of claimsOf(path, document)) {
        const key = this.#add(claim);
        removed.delete(key);
        keys.add(key);
      }
    this.#sort(path, keys, now);
    for (const [key, claim] of removed) this.#linger(key, claim);
    if (now.length === 0) this.#documents.delete(path);
    else this.#documents.set(path, now);
  }

  /** It is settled: what this file no longer holds is gone. */
  settle(path: string): void {
    for (const key of this.#lingering.get(path) ?? []) {
      const entry = this.#entries.get(key);
      if (entry?.lingering?.file !== path) continue;
      delete entry.lingering;
      this.#touched.add(key);
    }
    this.#lingering.delete(path);
  }

  lingers(path: string): boolean {
    return this.#lingering.has(path);
  }

  /** What changed since the last call. */
  take(): SourceChange[] {
    const changes: SourceChange[] = [];
    for (const key of this.#touched) {
      const entry = this.#entries.get(key);
      if (entry === undefined) continue;
      const next = (entry.live[0] ?? entry.lingering)?.object;
      if (entry.live.length > 1) this.#duplicates.add(key);
      else this.#duplicates.delete(key);
      if (next === undefined) {
        this.#entries.delete(key);
        if (entry.inForce !== undefined) changes.push({ op: 'delete', ref: entry.ref });
      } else if (next !== entry.inForce) {
        if (!equal(next, entry.inForce)) changes.push({ op: 'set', object: next });
        entry.inForce = next;
      }
    }
    this.#touched.clear();
    return changes;
  }

  /** Objects that stand in several places; the first of each is in force. */
  duplicates(): { readonly ref: ObjectRef; readonly claims: readonly Claim[] }[] {
    return [...this.#duplicates].map((key) => {
      const { ref, live } = this.#entries.get(key) as Entry;
      return { ref, claims: live };
    });
  }

  /** The place whose version is in force. */
  holder(ref: ObjectRef): Claim | undefined {
    const entry = this.#entries.get(refKey(ref));
    return entry?.live[0] ?? entry?.lingering;
  }

  #add(claim: Claim): string {
    const ref = refOf(claim.object);
    const key = refKey(ref);
    this.#touched.add(key);
    const entry = this.#entries.get(key);
    if (entry === undefined) this.#entries.set(key, { ref, live: [claim] });
    else {
      if (entry.lingering?.file === claim.file) delete entry.lingering;
      entry.live = [...entry.live, claim];
    }
    return key;
  }

  /** Puts claims to the same object in order; documents that stayed the same may have changed places. */
  #sort(path: string, keys: ReadonlySet<string>, documents: readonly Document[]): void {
    let order: Map<Document['items'], number> | undefined;
    for (const key of keys) {
      const entry = this.#entries.get(key);
      if (entry === undefined || entry.live.length < 2) continue;
      order ??= new Map(documents.map(({ items }, i) => [items, i]));
      const index = ({ file, items }: Claim): number => (file === path ? (order?.get(items) ?? 0) : 0);
      entry.live = entry.live.toSorted((a, b) => (a.file === b.file ? index(a) - index(b) : a.file < b.file ? -1 : 1));
      this.#touched.add(key);
    }
  }

  #remove({ file, items, object }: Claim): string {
    const key = refKey(refOf(object));
    const entry = this.#entries.get(key) as Entry;
    entry.live = entry.live.filter((each) => each.file !== file || each.items !== items);
    this.#touched.add(key);
    return key;
  }

  #linger(key: string, claim: Claim): void {
    const entry = this.#entries.get(key) as Entry;
    // Another document of the same file still has it.
    if (entry.live.some(({ file }) => file === claim.file)) return;
    entry.lingering = claim;
    const keys = this.#lingering.get(claim.file);
    if (keys === undefined) this.#lingering.set(claim.file, new Set([key]));
    else keys.add(key);
  }
}

function* claimsOf(file: string, { items, held }: Document): Generator<Claim> {
  for (const { object, path } of items) if (object !== undefined) yield { file, object, items, path };
  for (const object of held) yield { file, object, items, path: undefined };
}
