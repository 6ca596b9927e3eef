import { type AnyObject, type Diagnostic, type ObjectRef, parseObjects, refKey, refOf } from '../api/index.ts';
import { type DocumentProblem, type DocumentText, parseDocument, splitDocuments } from './documents.ts';
import { Positions } from './positions.ts';
import { unchanged } from './unchanged.ts';

/** One object of a document, or what should have been one. */
export interface Item {
  /** In the document: `''`, or `items[3]` in a list. */
  readonly path: string;
  /** In force: the one that stands there, or the last good version of it. */
  readonly object?: AnyObject;
  readonly diagnostics: readonly Diagnostic[];
  /** Whether `object` is what stands there. */
  readonly good: boolean;
}

export interface Document extends DocumentText {
  readonly items: readonly Item[];
  /** The text is no YAML. */
  readonly problem?: DocumentProblem;
  /** Objects that went when this document became unreadable; in force until it can be read, or goes itself. */
  readonly held: readonly AnyObject[];
}

/** What is known of one file. Never changed; a new version of the file makes a new one. */
export interface FileState {
  readonly path: string;
  readonly text: string;
  readonly documents: readonly Document[];
  /** The file itself cannot be read: too large, no text, no permission. What it held stays in force. */
  readonly problem?: Diagnostic;
}

export const isBad = (document: Document): boolean =>
  document.problem !== undefined || document.items.some((item) => !item.good);

/** All objects of a file that are in force, in the order in which they stand. */
export function* objectsOf(file: FileState): Generator<{ object: AnyObject; document: Document; item?: Item }> {
  for (const document of file.documents) {
    for (const item of document.items) if (item.object !== undefined) yield { object: item.object, document, item };
    for (const object of document.held) yield { object, document };
  }
}

/**
 * Reads a file's text. Only documents whose text is not in `previous` are parsed. A bad object keeps the version that
 * `previous` has in force under the same name; where a bad document does not tell its name, it keeps whatever went
 * missing as it turned bad: a separator broken by a slip may swallow its neighbour too.
 */
export function readFileState(path: string, text: string, previous: FileState | undefined): FileState {
  if (previous === undefined)
    return { path, text, documents: splitDocuments(text).flatMap((each) => readDocument(each)) };
  const { head, part, tail } = unchanged(previous, text);
  // Moved documents are found by their text.
  const known = new Map<string, Document[]>();
  for (const document of previous.documents.slice(head.length, previous.documents.length - tail.length)) {
    const same = known.get(document.text);
    if (same === undefined) known.set(document.text, [document]);
    else same.push(document);
  }
  let before: ReadonlyMap<string, AnyObject> | undefined;
  const lastGood = (ref: ObjectRef): AnyObject | undefined => {
    before ??= objectsByKey(previous);
    return before.get(refKey(ref));
  };
  let turnedBad = false;
  const middle = splitDocuments(text, part).flatMap((piece) => {
    const same = known.get(piece.text)?.shift();
    if (same !== undefined) return [{ ...same, ...piece }];
    const read = readDocument(piece, lastGood);
    turnedBad ||= read.some(isNameless);
    return read;
  });
  const state = { path, text, documents: [...head, ...middle, ...tail] };
  return turnedBad ? holdMissing(state, previous, new Set(middle)) : state;
}

function objectsByKey(file: FileState): Map<string, AnyObject> {
  const objects = new Map<string, AnyObject>();
  for (const { object } of objectsOf(file)) objects.set(refKey(refOf(object)), object);
  return objects;
}

function readDocument(piece: DocumentText, lastGood?: (ref: ObjectRef) => AnyObject | undefined): Document[] {
  const parsed = parseDocument(piece.text);
  if ('problem' in parsed) return [{ ...piece, items: [], problem: parsed.problem, held: [] }];
  const items = parsed.values.flatMap((value) =>
    parseObjects(value).flatMap(({ path, object, ref, ignored, diagnostics }): Item[] => {
      if (object !== undefined) return [{ path, object, diagnostics, good: true }];
      if (ignored !== undefined) return [];
      const last = ref === undefined ? undefined : lastGood?.(ref);
      return [{ path, ...(last === undefined ? {} : { object: last }), diagnostics, good: false }];
    }),
  );
  return [{ ...piece, items, held: [] }];
}

/** Bad, and it does not tell which of the objects that we know it was meant to be. */
function isNameless({ problem, items }: Document): boolean {
  return problem !== undefined || items.some((item) => !item.good && item.object === undefined);
}

/** Gives what went missing to the first document that turned bad without a name that we know. */
function holdMissing(state: FileState, previous: FileState, fresh: ReadonlySet<Document>): FileState {
  const present = objectsByKey(state);
  const held = [...objectsByKey(previous)].flatMap(([key, object]) => (present.has(key) ? [] : [object]));
  const holder = state.documents.find(
    (document) => fresh.has(document) && isNameless(document) && !wasThere(document, previous),
  );
  if (held.length === 0 || holder === undefined) return state;
  return { ...state, documents: state.documents.map((each) => (each === holder ? { ...each, held } : each)) };
}

const wasThere = ({ items }: Document, previous: FileState): boolean =>
  previous.documents.some((each) => each.items === items);

/** More of them in one file are no longer told one by one. */
const MAX_DIAGNOSTICS = 20_000;

/** The file's diagnostics, with places, objects and what is in force instead. */
export function diagnosticsOf(file: FileState): readonly Diagnostic[] {
  if (file.problem !== undefined) return [file.problem];
  const all: Diagnostic[] = [];
  for (const document of file.documents) {
    if (document.problem === undefined && document.items.every((item) => item.diagnostics.length === 0)) continue;
    const positions = new Positions(document);
    if (document.problem !== undefined) {
      const { diagnostic, offset } = document.problem;
      all.push({ ...diagnostic, location: { file: file.path, ...positions.at(offset) } });
    }
    for (const item of document.items)
      for (const each of item.diagnostics) {
        const place = positions.of(each.field ?? '', each.reason === 'UnknownField' ? 'key' : 'value');
        all.push({ ...each, location: { file: file.path, ...place } });
      }
    if (all.length > MAX_DIAGNOSTICS) {
      const message = `${file.path} has more than ${MAX_DIAGNOSTICS} problems; the rest are not shown`;
      return [...all.slice(0, MAX_DIAGNOSTICS), { severity: 'error', reason: 'TooManyProblems', message }];
    }
  }
  return all;
}

/** Where an object of this file stands. */
export function findObject(file: FileState, ref: ObjectRef): { document: Document; item: Item } | undefined {
  const key = refKey(ref);
  for (const { object, document, item } of objectsOf(file))
    if (item !== undefined && refKey(refOf(object)) === key) return { document, item };
  return undefined;
}
