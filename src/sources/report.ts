import { type Diagnostic, formatRef, type Location, type ObjectRef } from '../api/index.ts';
import { equal } from '../lib/equal.ts';
import type { Claim, Claims } from './claims.ts';
import { type Document, diagnosticsOf, type FileState } from './file-state.ts';
import { contentStart, Positions } from './positions.ts';

/** Diagnostics of all files together. What a file contributes is kept until the file changes. */
export class Report {
  readonly #files: ReadonlyMap<string, FileState>;
  readonly #claims: Claims;
  readonly #perFile = new Map<string, readonly Diagnostic[]>();
  /** Something may be different from `#taken`: comparing 10,000 diagnostics after each change of one file would be slow. */
  #stale = true;
  #missing = '';
  #taken: readonly Diagnostic[] | undefined;

  constructor(files: ReadonlyMap<string, FileState>, claims: Claims) {
    this.#files = files;
    this.#claims = claims;
  }

  /** The file has changed, or is gone. */
  update(path: string): void {
    const file = this.#files.get(path);
    const diagnostics = file === undefined ? [] : diagnosticsOf(file);
    if (diagnostics.length > 0) this.#perFile.set(path, diagnostics);
    else if (!this.#perFile.delete(path)) return;
    this.#stale = true;
  }

  /** By file, then those about more than one. */
  all(missing: readonly string[], duplicates = this.#duplicates()): readonly Diagnostic[] {
    const files = [...this.#perFile.keys()].sort();
    return [
      ...missing.map(missingPath),
      ...files.flatMap((path) => this.#perFile.get(path) as readonly Diagnostic[]),
      ...duplicates,
    ];
  }

  /** All of them, if that is not what was taken last. */
  take(missing: readonly string[]): readonly Diagnostic[] | undefined {
    const names = missing.join('\n');
    const duplicates = this.#duplicates();
    const had = this.#taken?.at(-1)?.reason === DUPLICATE;
    if (!this.#stale && names === this.#missing && duplicates.length === 0 && !had) return undefined;
    this.#stale = false;
    this.#missing = names;
    const all = this.all(missing, duplicates);
    if (this.#taken !== undefined && equal(all, this.#taken)) return undefined;
    this.#taken = all;
    return all;
  }

  /** Where an object, or a field of it, stands. */
  locate(ref: ObjectRef, field: string | undefined): Location | undefined {
    const claim = this.#claims.holder(ref);
    const document = claim === undefined ? undefined : this.#documentOf(claim);
    if (claim === undefined || document === undefined) return undefined;
    if (claim.path === undefined) return { file: claim.file, ...contentStart(document) };
    const path = [claim.path, field ?? ''].filter((part) => part !== '').join('.');
    return { file: claim.file, ...new Positions(document).of(path) };
  }

  #documentOf({ file, items }: Claim): Document | undefined {
    return this.#files.get(file)?.documents.find((document) => document.items === items);
  }

  #duplicates(): Diagnostic[] {
    const documents = new Map<Document['items'], Document>();
    const duplicates = this.#claims.duplicates();
    const paths = new Set(duplicates.flatMap(({ claims }) => claims.map(({ file }) => file)));
    for (const path of paths)
      for (const each of this.#files.get(path)?.documents ?? []) documents.set(each.items, each);
    const place = ({ file, items }: Claim): Location => {
      const document = documents.get(items);
      return { file, ...(document === undefined ? { line: 1, column: 1 } : contentStart(document)) };
    };
    return duplicates.flatMap(({ ref, claims }) => {
      const [first, ...others] = claims.map(place);
      return others.map((location) => duplicate(ref, first as Location, location));
    });
  }
}

const DUPLICATE = 'DuplicateObject';

function duplicate(object: ObjectRef, first: Location, location: Location): Diagnostic {
  return {
    severity: 'error',
    reason: DUPLICATE,
    message: `${formatRef(object)} is at ${first.file}:${first.line} already; the one at ${location.file}:${location.line} is not in force`,
    hint: 'remove one of the two, or rename it',
    object,
    field: 'metadata.name',
    location,
  };
}

function missingPath(path: string): Diagnostic {
  return {
    severity: 'warning',
    reason: 'PathNotFound',
    message: `there is no ${path}`,
    hint: 'it is read as soon as it is there',
  };
}
