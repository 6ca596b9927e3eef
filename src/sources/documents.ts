import { CORE_SCHEMA, load, loadAll, mergeTag, YAMLException } from 'js-yaml';
import type { Diagnostic } from '../api/index.ts';

/** One document of a file, cut out but not parsed. */
export interface DocumentText {
  readonly text: string;
  /** Where it begins in its file: UTF-16 units from 0, lines and columns from 1. */
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

/** A line with nothing but a comment, white space, a directive or a marker. */
const BLANK = /^\s*(?:#.*|%.*|---(?:\s+#.*)?|\.\.\.)?\s*$/;

/** From the beginning of a line to that of another one, which a marker follows, or to the end. */
export interface Part {
  readonly start: number;
  readonly end: number;
  readonly line: number;
}

/**
 * Cuts a file (or a part of it) at its document markers without parsing it, so that one broken document does not take the others along, and
 * an edit costs the parsing of what it touched. A line that begins with `---` or `...` is a marker wherever it stands
 * (YAML 1.2, production `c-forbidden`), so nothing has to be understood. JSON values that follow one another are
 * documents too. Blank documents are left out.
 */
export function splitDocuments(text: string, part: Part = { start: 0, end: text.length, line: 1 }): DocumentText[] {
  const documents: DocumentText[] = [];
  let { start, line } = part;
  if (start === 0 && text.charCodeAt(0) === 0xfeff) start = 1;
  const cut = (end: number): void => {
    const piece = detach(text.slice(start, end), text);
    if (!isBlank(piece)) splitJson({ text: piece, offset: start, line, column: 1 }, documents);
    line += countLines(piece);
    start = end;
  };
  for (let at = start; at >= 0 && at < part.end; at = nextLine(text, at)) {
    if (isMarker(text, at, 0x2d)) {
      if (at > start) cut(at);
    } else if (isMarker(text, at, 0x2e)) {
      const next = nextLine(text, at);
      cut(next < 0 ? part.end : next);
    }
  }
  if (start < part.end) cut(part.end);
  return documents;
}

/**
 * A copy of its own. The engine makes slices that keep the whole text alive, and so would every name in every object that
 * is parsed from one: a file of 10,000 documents would stay in memory once for each of its past versions.
 */
function detach(slice: string, text: string): string {
  return slice.length === text.length ? slice : Buffer.from(slice).toString();
}

function nextLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? -1 : end + 1;
}

/** Three times the character, then white space or the end. */
export function isMarker(text: string, at: number, character: number): boolean {
  if (text.charCodeAt(at) !== character || text.charCodeAt(at + 1) !== character) return false;
  if (text.charCodeAt(at + 2) !== character) return false;
  const after = text.charCodeAt(at + 3);
  return Number.isNaN(after) || after === 0x0a || after === 0x0d || after === 0x20 || after === 0x09;
}

function isBlank(piece: string): boolean {
  // The first line that is none of these settles it: most documents are not blank, and are long.
  for (let at = 0; at >= 0 && at < piece.length; at = nextLine(piece, at)) {
    const end = piece.indexOf('\n', at);
    // White space beyond 512 characters is looked at by nobody but an attacker.
    if (!BLANK.test(piece.slice(at, Math.min(end < 0 ? piece.length : end, at + 512)))) return false;
  }
  return true;
}

export function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

/** `{...} {...}`, as `jq` and `kubectl` print them: each value is a document. */
function splitJson(piece: DocumentText, documents: DocumentText[]): void {
  const { text } = piece;
  let { line, column } = piece;
  let start = 0;
  const opening = /\S/.exec(text)?.[0];
  while (opening === '{' || opening === '[') {
    const end = endOfJson(text, start);
    const next = end < 0 ? -1 : skipSpace(text, end);
    if (next < 0 || (text[next] !== '{' && text[next] !== '[')) break;
    const value = text.slice(start, next);
    documents.push({ text: value, offset: piece.offset + start, line, column });
    const lines = countLines(value);
    column = lines === 0 ? column + value.length : value.length - value.lastIndexOf('\n');
    line += lines;
    start = next;
  }
  documents.push(start === 0 ? piece : { text: text.slice(start), offset: piece.offset + start, line, column });
}

/** Just behind the value that opens at or after `start`; -1 where it does not end. */
function endOfJson(text: string, start: number): number {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (character === 0x22) {
      for (i++; i < text.length && text.charCodeAt(i) !== 0x22; i++) if (text.charCodeAt(i) === 0x5c) i++;
    } else if (character === 0x7b || character === 0x5b) depth++;
    else if ((character === 0x7d || character === 0x5d) && --depth === 0) return i + 1;
  }
  return -1;
}

function skipSpace(text: string, from: number): number {
  for (let i = from; i < text.length; i++) if (!/\s/.test(text[i] as string)) return i;
  return -1;
}

export type ParsedDocument = { readonly values: readonly unknown[] } | { readonly problem: DocumentProblem };

/** The text is not YAML (or JSON) that we read. */
export interface DocumentProblem {
  readonly diagnostic: Pick<Diagnostic, 'severity' | 'reason' | 'message' | 'hint'>;
  /** UTF-16 offset in the document. */
  readonly offset: number;
}

/**
 * YAML 1.2 core schema, as kubectl reads it where that differs in safe ways: merge keys, and times stay strings. (Words
 * such as `yes` stay strings as well; the object parsers take them for booleans where a boolean belongs.) Aliases are
 * bounded here in number, and by `LIMITS` in what they amount to.
 */
const OPTIONS = {
  schema: CORE_SCHEMA.withTags(mergeTag),
  maxDepth: 100,
  maxAliases: 1000,
  maxTotalMergeKeys: 10_000,
} as const;

/** Never throws. A document is one value as a rule; with old Mac line ends a piece may hold several. */
export function parseDocument(text: string): ParsedDocument {
  try {
    return { values: [load(text, OPTIONS)] };
  } catch (error) {
    const json = parseJson(text, error);
    if (json !== undefined) return json;
    try {
      if (text.includes('\r')) return { values: loadAll(text, OPTIONS) };
    } catch {
      // The first error stands.
    }
    return { problem: problemOf(error) };
  }
}

/** JSON may hold what YAML does not take (tabs), but a duplicate key stays an error. */
function parseJson(text: string, error: unknown): ParsedDocument | undefined {
  if (error instanceof YAMLException && error.reason === 'duplicated mapping key') return undefined;
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return { values: [JSON.parse(text) as unknown] };
  } catch {
    return undefined;
  }
}

const HINTS: readonly (readonly [RegExp, string])[] = [
  [/duplicated mapping key/, 'remove or rename one of the two'],
  [/unknown .*tag/, 'Kubernetes objects use no tags: remove it'],
  [/tab character/, 'indent with spaces'],
  [/unidentified alias/, 'define the anchor (&name) before its use, or quote a value that begins with *'],
  [/indentation of a mapping/, 'align it with its siblings, and quote values that contain ": "'],
  [/indentation/, 'align it with its siblings'],
  [/implicit key|mapping values|colon/, 'check the indentation above, and quote values that contain ": "'],
];

function problemOf(error: unknown): DocumentProblem {
  // Besides its own exceptions the parser may run into engine errors, as with an anchor that contains itself.
  const known = error instanceof YAMLException;
  const reason = known ? error.reason : 'the document refers to itself or is nested too deeply';
  const hint = HINTS.find(([pattern]) => pattern.test(reason))?.[1];
  return {
    diagnostic: {
      severity: 'error',
      reason: 'InvalidYaml',
      message: `not valid YAML: ${reason}`,
      ...(hint === undefined ? {} : { hint }),
    },
    offset: (known ? error.mark?.position : undefined) ?? 0,
  };
}
